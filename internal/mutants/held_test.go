package mutants

// heldMutants are mistakes in what a peer can make a process hold or allocate.
var heldMutants = []mutant{
	{
		name: "a body is allocated as it is announced", file: "mux/assembly.go",
		edits: []edit{{"\tif most > bodyGrowth*(len(a.buf)+sure) {\n", "\tif false {\n"}},
		pkg:   "mux", test: "TestAnnouncedBodies",
	},
	{
		name: "deeper calls take all slots they like", file: "mux/slots.go",
		edits: []edit{{"return t[1].counted >= limit/deepCalls", "return false"}},
		pkg:   "mux", test: "TestPeerCallDepths",
	},
	{
		name: "no slot is kept for a depth", file: "mux/slots.go",
		edits: []edit{{"return t.spent(g, limit) && (depth == 0 || t[g].atDepth[depth] > 0)", "return t.spent(g, limit)"}},
		pkg:   "mux", test: "TestCallDepths",
	},
	{
		name: "metadata of the peer's opens is not counted", file: "mux/slots.go",
		edits: []edit{{"\tp.labels[f.group] += f.label.bytes()\n", ""}},
		pkg:   "mux", test: "TestPeerLabels",
	},
	{
		name: "a nested open waits for the metadata of others", file: "mux/label.go",
		edits: []edit{{"case depth > 0 && !t.free[group][depth]:", "case false:"}},
		pkg:   "mux", test: "TestLabels",
	},
	{
		name: "a body that stands still is kept", file: "mux/stall.go",
		edits: []edit{{"a.stall.idle >= int(stallTime/stallPeriod)", "false"}},
		pkg:   "mux", test: "TestStalledBodies",
	},
	{
		name: "a body is dropped though there is no carrier", file: "mux/stall.go",
		edits: []edit{{"\tcarrier, up := s.l.Hears()\n", "\tcarrier, _ := s.l.Hears()\n\tup := true\n"}},
		pkg:   "mux", test: "TestBodiesThatMayTakeTime",
	},
	{
		name: "a body that waits for room is dropped", file: "mux/stall.go",
		edits: []edit{{"&& !(a.asked && !a.charged)", ""}},
		pkg:   "mux", test: "TestBodiesThatMayTakeTime",
	},
	{
		name: "no handler runs beside those of less depth", file: "internal/work/gate.go",
		edits: []edit{{"if (depth == 0 || l.running > 0) && !g.count() {", "if !g.count() {"}, {"if l.running--; l.running > 0 {", "if l.running--; true {"}},
		pkg:   ".", test: "TestRunningNested",
	},
	{
		name: "a place that comes free meanwhile is lost", file: "internal/work/gate.go",
		edits: []edit{{"\tnext := g.nextLocked() // a place may", "\tvar next *Item // a place may"}},
		pkg:   "internal/work", test: "TestGateComesFree",
	},
	{
		name: "handlers run without a limit", file: "rpc_serve.go",
		edits: []edit{{"return sv.end.rpc().running\n", "return nil\n"}},
		pkg:   ".", test: "TestRunning",
	},
	{
		name: "bodies that are only announced take all that there is", file: "mux/process.go",
		edits: []edit{{"return p.bodies.limit >> queue", "return p.bodies.limit"}},
		pkg:   "mux", test: "TestProcessUnsent",
	},
	{
		name: "a body that begins waits on", file: "mux/assembly.go",
		edits: []edit{{"\tif begun {\n", "\tif begun && false {\n"}},
		pkg:   "mux", test: "TestProcessUnsent",
	},
	{
		name: "what is held is not counted", file: "mux/assembly.go",
		edits: []edit{{"\ta.f.s.bodies.Add(int64(cap(buf) - cap(a.buf)))\n", ""}},
		pkg:   "mux", test: "TestHeld",
	},
	{
		name: "suspended Ends hold for nothing what nobody has taken", file: "end_sessions.go",
		edits: []edit{{"st.LogMemory + s.Mux.Held()", "st.LogMemory + 0*s.Mux.Held()"}},
		pkg:   ".", test: "TestSuspendedHolds",
	},
	{
		name: "answers wait for room", file: "mux/reply.go",
		edits: []edit{{"\tif len(body) > 0 {\n\t\treturn false\n\t}\n\tif frame.HeadLen", "\tif true {\n\t\treturn false\n\t}\n\tif frame.HeadLen"}},
		pkg:   "server", test: "TestRefusals",
	},
	{
		name: "an answer that is owed says OK", file: "mux/reply.go",
		edits: []edit{{"\t\tx.owed = &owed\n", "\t\t_ = owed\n"}},
		pkg:   "mux", test: "TestOwedAnswers",
	},
	{
		name: "a call that was given up is answered", file: "mux/reply.go",
		edits: []edit{{"\tcase x.canceled:\n\t\tx.s.append", "\tcase x.canceled && false:\n\t\tx.s.append"}},
		pkg:   "mux", test: "TestOwedAnswers",
	},
	{
		name: "errors wait for room", file: "rpc_serve.go",
		edits: []edit{{"if sv.Inline || len(body) == 0 {", "if sv.Inline {"}},
		pkg:   "server", test: "TestRefusals",
	},
	{
		name: "JSON has as many elements as it likes", file: "internal/codec/jsonscan.go",
		edits: []edit{{"if elements > maxJSONElements {", "if false {"}},
		pkg:   "internal/codec", test: "TestScanJSON",
	},
	{
		name: "brackets in a string count", file: "internal/codec/jsonscan.go",
		edits: []edit{{"\t\tcase '\\\\':\n\t\t\ti++\n", ""}},
		pkg:   "internal/codec", test: "FuzzJSONScan",
	},
	{
		name: "small JSON may take any memory", file: "internal/codec/json.go",
		edits: []edit{{"check(body, elements, v", "check(body, 0*elements, v"}},
		pkg:   "internal/codec", test: "TestJSONBombs",
	},
	{
		name: "small msgpack may take any memory", file: "internal/codec/msgpack.go",
		edits: []edit{{"check(body, elements, v", "check(body, 0*elements, v"}},
		pkg:   "internal/codec", test: "TestMsgpackRoom",
	},
	{
		name: "what pointers lead to is free", file: "internal/codec/room.go",
		edits: []edit{{"\t\tw.size += s.size\n", ""}},
		pkg:   "internal/codec", test: "TestMsgpackRoom",
	},
	{
		name: "any built-in codec is accepted", file: "codec.go",
		edits: []edit{{"case accepted == nil:", "case len(accepted) == 0:"}},
		pkg:   ".", test: "TestCodecsAccepted",
	},
	{
		name: "all large bodies are decoded at once", file: "internal/codec/turns.go",
		edits: []edit{{"if t.running < runtime.GOMAXPROCS(0) {", "if t.running < 1000*runtime.GOMAXPROCS(0) {"}},
		pkg:   ".", test: "TestDecodeInTurn",
	},
	{
		name: "an Unmarshaler that waits for another body waits for ever", file: "internal/codec/turns.go",
		edits: []edit{{"time.AfterFunc(maxTurn, end)", "time.AfterFunc(1e6*maxTurn, end)"}},
		pkg:   "internal/codec", test: "TestTurnsEnd",
	},
	{
		name: "who has many waits for no other", file: "internal/codec/turns.go",
		edits: []edit{{"\t\tt.owners = append(t.owners, owner)\n\t} else {", "\t\tt.owners = append([]any{owner}, t.owners...)\n\t} else {"}},
		pkg:   "internal/codec", test: "TestTurns",
	},
}
