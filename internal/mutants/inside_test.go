package mutants

// insideMutants are mistakes about the application's code on goroutines of ours.
var insideMutants = []mutant{
	{
		name: "completions run outside the bracket", file: "internal/flight/flight.go",
		edits: []edit{{"\tcase f.User:\n", "\tcase f.User && false:\n"}},
		pkg:   ".", test: "TestCallbacksMayWait",
	},
	{
		name: "the bracket of OnDone is forgotten", file: "messager_publish.go",
		edits: []edit{{"&p.sc.watch, p.onDone != nil", "&p.sc.watch, false"}},
		pkg:   ".", test: "TestCallbacksMayWait",
	},
	{
		name: "the bracket of OnCallDone is forgotten", file: "rpc_pending.go",
		edits: []edit{{"p.opts != nil && p.opts.done != nil\n", "false\n"}},
		pkg:   ".", test: "TestCallbacksMayWait",
	},
	{
		name: "an answer that is over the limit is completed outside the bracket", file: "mux/exchange.go",
		edits: []edit{{"max(int(head.Size), len(body)), limit), true)", "max(int(head.Size), len(body)), limit), false)"}},
		pkg:   "mux", test: "TestUserCode",
	},
	{
		name: "the end of a link runs outside the bracket", file: "conn/recv.go",
		edits: []edit{{"\tl.user.on.Run(f)\n", "\tf()\n"}},
		pkg:   ".", test: "TestCallbacksMayWait",
	},
	{
		name: "a reader after a resume is not known", file: "conn/resume.go",
		edits: []edit{{"go l.user.on.Run(func() { l.readOn(c) })", "go l.readOn(c)"}},
		pkg:   ".", test: "TestCallbacksMayWait",
	},
	{
		name: "Close waits for the goroutine that calls it", file: "conn/close.go",
		edits: []edit{{"if self || inside &&", "if self && false || inside &&"}},
		pkg:   ".", test: "TestCallbacksMayWait",
	},
	{
		name: "Close waits for user code without end", file: "conn/close.go",
		edits: []edit{{"time.Since(began) >= l.cfg.CloseTimeout ||", "time.Since(began) < 0 ||"}},
		pkg:   "conn", test: "TestCloseHungEnd",
	},
	{
		name: "Close waits for the goroutines that a callback runs on", file: "internal/sessions/lifetime.go",
		edits: []edit{{"\tcase within:\n\t\tif s.Lost() {", "\tcase within && false:\n\t\tif s.Lost() {"}},
		pkg:   ".", test: "TestCallbacksMayWait",
	},
	{
		name: "Redial runs outside the bracket", file: "internal/sessions/redial.go",
		edits: []edit{{"ln.Users.Run(func() { nc, err = ln.cfg.Redial(withHint(ctx, hint)) })", "nc, err = ln.cfg.Redial(withHint(ctx, hint))"}},
		pkg:   ".", test: "TestCallbacksMayWait",
	},
	{
		name: "what is sent again runs outside the bracket", file: "internal/sessions/resend.go",
		edits: []edit{{"func() { ln.Users.Run(f) }", "f"}},
		pkg:   ".", test: "TestCallbacksMayWait",
	},
	{
		name: "what is dropped runs outside the bracket", file: "internal/sessions/lifetime.go",
		edits: []edit{{"\t\tln.Users.Run(func() {\n", "\t\tfunc(f func()) { f() }(func() {\n"}},
		pkg:   ".", test: "TestCallbacksMayWait",
	},
	{
		name: "what is settled runs outside the bracket", file: "messager_outbox_settle.go",
		edits: []edit{{"em.e.line.Users.Run(func() { em.forget(batch) })", "em.forget(batch)"}},
		pkg:   ".", test: "TestCallbacksMayWait",
	},
	{
		name: "log handlers run outside the bracket", file: "internal/sessions/line.go",
		edits: []edit{{"if cfg.Logger != nil {", "if cfg.Logger != nil && false {"}},
		pkg:   ".", test: "TestCallbacksMayWait",
	},
	{
		name: "an open in a callback waits for its place", file: "mux/wait.go",
		edits: []edit{{"if o.NoWait {", "if false {"}},
		pkg:   ".", test: "TestCallbacksMayWait",
	},
	{
		name: "a large body in a callback waits for credit", file: "mux/exchange.go",
		edits: []edit{{"if o.NoWait && !whole {", "if false {"}},
		pkg:   ".", test: "TestCallbacksMayWait",
	},
	{
		name: "a callback waits for the next session", file: "end_session.go",
		edits: []edit{{"\tif e.line.Inside() {\n\t\treturn s, insideError(\"waiting for the next", "\tif false {\n\t\treturn s, insideError(\"waiting for the next"}},
		pkg:   ".", test: "TestCallbacksMayWait",
	},
	{
		name: "a callback waits for older messages", file: "end_session.go",
		edits: []edit{{"if !which(s).IsOpen() && e.line.Inside() {", "if false {"}},
		pkg:   ".", test: "TestCallbacksMayWait",
	},
	{
		name: "a callback drains its own End", file: "end_close.go",
		edits: []edit{{"\tif e.line.Inside() {\n", "\tif false {\n"}},
		pkg:   ".", test: "TestCallbacksMayWait",
	},
	{
		name: "a subscription is stopped in a callback, which waits", file: "messager_subscribe.go",
		edits: []edit{{"!inside.Anywhere()", "(true || inside.Anywhere())"}},
		pkg:   ".", test: "TestCallbacksMayWait",
	},
	{
		name: "Close holds up the Close of a callback", file: "end_close.go",
		edits: []edit{{"\t\ts.Mux.CloseStreams(own)\n", "\t\ts.Mux.CloseStreams(reason == nil)\n\t\t_, _ = e.line.Hangup(ctx, e.life.goodbye.Code, \"\")\n"}},
		pkg:   ".", test: "TestCloseTwiceInside",
	},
	{
		name: "any callback is one of any End", file: "internal/inside/inside.go",
		edits: []edit{{"return goid.Inside(goroutineFrame) && goid.ID() == g.id.Load()", "return goid.Inside(goroutineFrame)"}},
		pkg:   ".", test: "TestCallbackOfAnother",
	},
	{
		name: "a callback keeps everybody from waiting", file: "conn/recv.go",
		edits: []edit{{"l.busy() && l.user.on.Here()", "l.busy()"}},
		pkg:   ".", test: "TestElsewhereDuringCallback",
	},
	{
		name: "Go in a callback gives a lost session up", file: "rpc_pending.go",
		edits: []edit{{"noWait && p.repeats(err)", "false"}},
		pkg:   ".", test: "TestGoInsideLostSession",
	},
	{
		name: "a notify from a callback cannot wait when it is sent again", file: "internal/sessions/unsent.go",
		edits: []edit{{"Timeout: open.Timeout}\n", "Timeout: open.Timeout, NoWait: open.NoWait}\n"}},
		pkg:   ".", test: "TestNotifyInsideThenLost",
	},
}
