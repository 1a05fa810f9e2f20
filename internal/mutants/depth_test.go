package mutants

// depthMutants are mistakes in what lets nested messages and notifies go on.
var depthMutants = []mutant{
	{
		name: "messages of all depths share slots", file: "mux/slots.go",
		edits: []edit{{"\tcase 2:\n\t\treturn newKey(g, depth, parent)\n", "\tcase 2:\n\t\treturn newKey(g, 0, parent)\n"}},
		pkg:   "internal/promise", test: "TestNestedBothWays",
	},
	{
		name: "the peer's messages of all depths share slots", file: "mux/slots.go",
		edits: []edit{{"\tlimit := [frame.Groups]int{int(local.Streams), int(local.Calls), int(local.Messages)}[f.group]\n",
			"\tlimit := [frame.Groups]int{int(local.Streams), int(local.Calls), int(local.Messages)}[f.group]\n\tif f.group == 2 {\n\t\tf.key = newKey(2, 0, f.key.parent())\n\t}\n"}},
		pkg: "mux", test: "TestPeerMessageDepths",
	},
	{
		name: "no depth has a message beyond the link's limit", file: "mux/slots.go",
		edits: []edit{{"t.spent(g, limit) && (depth == 0 || t[g].atDepth[depth] > 0)", "t.spent(g, limit)"}},
		pkg:   "mux", test: "TestMessageDepths",
	},
	{
		name: "what is free depends on the order of the opens", file: "mux/slots.go",
		edits: []edit{
			{"\tif depth == 0 || *n > 1 || *n == 1 && d > 0 {\n\t\tt[g].counted += d\n\t}\n", "\tt[g].counted += d\n"},
		},
		pkg: "mux", test: "TestDepthsAgree",
	},
	{
		name: "bodies of messages of all depths share a lane", file: "mux/budget.go",
		edits: []edit{{"return messageLane + int(f.depth)", "return messageLane"}},
		pkg:   "mux", test: "TestLanes",
	},
	{
		name: "what is nested waits for early window", file: "mux/open.go",
		edits: []edit{{"return o.Depth > 0 && o.Kind", "return false && o.Kind"}},
		pkg:   "mux", test: "TestNestedGoesWithoutWindow",
	},
	{
		name: "messages of all depths share a lane in a subscription", file: "internal/inbox/item.go",
		edits: []edit{{"it.of, it.depth, it.bytes, it.complete = m, depth, int32(bytes), complete", "it.of, it.bytes, it.complete = m, int32(bytes), complete"}},
		pkg:   "internal/promise", test: "TestNestedBothWays",
	},
	{
		name: "deeper messages do not wait for a function that does not nest", file: "internal/inbox/taker.go",
		edits: []edit{{"\tcase t.top.nested:\n", "\tdefault:\n"}},
		pkg:   "internal/inbox", test: "TestNest",
	},
	{
		name: "an arriving message holds back deeper ones", file: "internal/inbox/queue.go",
		edits: []edit{{"\t\tcase !it.complete:\n\t\t\tarriving = it\n", "\t\tcase !it.complete:\n\t\t\tarriving, first = it, nil\n"}},
		pkg:   "internal/inbox", test: "TestNest",
	},
	{
		name: "a batch goes on beside deeper ones", file: "internal/inbox/worker.go",
		edits: []edit{{"for alone := true; alone && len(taken) > 0", "for alone := true; (alone || true) && len(taken) > 0"}},
		pkg:   "internal/inbox", test: "TestNest",
	},
	{
		name: "nobody learns that a function waits for the peer", file: "internal/handlerctx/context.go",
		edits: []edit{{"\t\tif n != nil {\n\t\t\tn.Nest()\n\t\t}\n", "\t\t_ = n\n"}},
		pkg:   "internal/promise", test: "TestNestedBothWays",
	},
	{
		name: "deeper notifies wait for a handler that nests", file: "internal/work/order.go",
		edits: []edit{{"if above = top.depth(); top.state.Load()&nested == 0 {", "if above = top.depth(); true {"}},
		pkg:   "internal/work", test: "TestWork",
	},
	{
		name: "a message that is nested too deep is stored first", file: "messager_publish.go",
		edits: []edit{{"\tif depth > mux.MaxDepth {\n", "\tif false {\n"}},
		pkg:   ".", test: "TestNestedTooDeep",
	},
	{
		name: "what is nested waits for older messages", file: "end_session.go",
		edits: []edit{{"if depth > 0 || e.inSetup() {", "if e.inSetup() {"}},
		pkg:   ".", test: "TestNestedPassesOlder",
	},
	{
		name: "what is nested and in the outbox goes out twice", file: "messager_outbox_kept.go",
		edits: []edit{{"if k.open.Depth > 0 && !e.session()", "if false && !e.session()"}},
		pkg:   ".", test: "TestNestedTooDeep",
	},
	{
		name: "a copy sent in a circle waits for the function that waits for it", file: "messager_message.go",
		edits: []edit{{"return other >= m.ctx.Depth", "return true"}},
		pkg:   ".", test: "TestNestedTooDeep",
	},
}
