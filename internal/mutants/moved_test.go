package mutants

// movedMutants are mistakes at the edges of an End that has several sessions at a time.
var movedMutants = []mutant{
	{
		name: "a session that ends while the next one shakes hands is not waited for", file: "internal/sessions/line.go",
		edits: []edit{{"\t\tif !moved {\n\t\t\tln.settled(old)", "\t\tif false {\n\t\t\tln.settled(old)"}},
		pkg:   "internal/sessions", test: "TestMovedWhileItEnds",
	},
	{
		name: "a session that ends while it is left behind is not waited for", file: "internal/sessions/line.go",
		edits: []edit{{"\t\tif moved == !old.Lost() {\n", "\t\tif true {\n"}},
		pkg:   "internal/sessions", test: "TestMovedWhileItEnds",
	},
	{
		name: "what is left while the newest session is replaced waits for the one after", file: "internal/sessions/line.go",
		edits: []edit{{"\tln.Requeue() // what retired sessions left after the queues were collected\n", ""}},
		pkg:   "internal/sessions", test: "TestMovedLate",
	},
	{
		name: "two goroutines send what older sessions left", file: "internal/sessions/resend.go",
		edits: []edit{{"run = !q.running && len(q.queue) > 0", "run = len(q.queue) > 0"}},
		pkg:   "internal/sessions", test: "TestRequeueOrder",
	},
	{
		name: "a Line that is closed sends again what an older session left", file: "internal/sessions/move.go",
		edits: []edit{{"|| s.sealed || ln.ending() {", "|| s.sealed {"}},
		pkg:   "internal/sessions", test: "TestMovedClosed",
	},
	{
		name: "what an older session carried when the End is closed counts as lost", file: "internal/sessions/move.go",
		edits: []edit{{"if !lost && !ln.ending() {", "if !lost {"}},
		pkg:   "internal/sessions", test: "TestMovedClosed",
	},
	{
		name: "Abort waits", file: "internal/sessions/move.go",
		edits: []edit{{"\t\ts.Link.Abort(reason)\n", "\t\t_ = s.Link.Close(context.Background(), frame.OK, \"\")\n"}},
		pkg:   "internal/sessions", test: "TestLineAbort",
	},
	{
		name: "a session that was left and breaks waits for a pause to end", file: "internal/sessions/redial.go",
		edits: []edit{{"\t\tr.tend()\n\t\tif d <= 0 {", "\t\tif d <= 0 {"}},
		pkg:   "internal/sessions", test: "TestRetiredBroken",
	},
	{
		name: "the address of a goodbye is that of the session that says it", file: "internal/sessions/redial.go",
		edits: []edit{{"\tif fresh || !s.leaving.Load() {", "\tif true {"}},
		pkg:   "internal/sessions", test: "TestLeaveHint",
	},
	{
		name: "a server that wants no session ends the one before", file: "internal/sessions/redial.go",
		edits: []edit{{"unwanted(no.Code) && s.Lost():", "unwanted(no.Code):"}},
		pkg:   "internal/sessions", test: "TestLeaveRefused",
	},
	{
		name: "sessions that have retired pile up", file: "internal/sessions/move.go",
		edits: []edit{{"return older[:max(0, len(older)-maxOlder)]", "return older[:0]"}},
		pkg:   "internal/sessions", test: "TestLeaveWithoutEnd",
	},
	{
		name: "a client that is sent on and on goes at once", file: "internal/sessions/pauses.go",
		edits: []edit{{"p.sentOn > 1 {", "p.sentOn > 1<<30 {"}},
		pkg:   "internal/sessions", test: "TestLeaveAtOnce",
	},
	{
		name: "what is being sent again keeps a client at a server that drains", file: "internal/sessions/move.go",
		edits: []edit{{"\ts.left(errLeft)\n", ""}},
		pkg:   ".", test: "TestMovedResend",
	},
	{
		name: "Shutdown says nothing to the older session", file: "internal/sessions/lifetime.go",
		edits: []edit{{"\tfor _, s := range ln.all() {\n\t\ts.Mux.Drain(d)", "\tfor _, s := range ln.all()[:1] {\n\t\ts.Mux.Drain(d)"}},
		pkg:   ".", test: "TestShutdownMoved",
	},
	{
		name: "a callback that an older session ends with may wait", file: "internal/sessions/session.go",
		edits: []edit{{"ln.Users.Run(func() { h.Session.HandleClose(why) })", "h.Session.HandleClose(why)"}},
		pkg:   ".", test: "TestEndWhileMoving", flags: []string{"-run=TestEndWhileMoving/the_older_is_broken"},
	},
	{
		name: "the carrier of an older session is the End's", file: "end_hooks.go",
		edits: []edit{{"now.Seq > seq {", "now.Seq > seq+1000 {"}},
		pkg:   ".", test: "TestMovedHooks",
	},
	{
		name: "the methods of an older server are the newest one's", file: "rpc_methods.go",
		edits: []edit{{"if s == e.session() { // else it has retired", "if true {"}},
		pkg:   ".", test: "TestMovedMethods",
	},
	{
		name: "a goodbye that asks to come again fails a Ping", file: "end_session.go",
		edits: []edit{{"\t\tif s.Lost() { // the link's own error may be a goodbye\n", "\t\tif false {\n"}},
		pkg:   ".", test: "TestPingAgain",
	},
	{
		name: "opens fail before anybody knows that the peer drains", file: "mux/drain.go",
		edits: []edit{
			{"\t\tsettled = s.acc.HandleDrain(d)\n", ""},
			{"\tfor _, x := range s.notServed() {\n", "\tif !again {\n\t\tsettled = s.acc.HandleDrain(d)\n\t}\n\tfor _, x := range s.notServed() {\n"},
		},
		pkg: "mux", test: "TestDrainedFirst",
	},
	{
		name: "what waits for early window stays with a peer that drains", file: "mux/drain.go",
		edits: []edit{{"\t\ts.pools.wait[g].wakeAll()\n", "\t\t_ = g\n"}},
		pkg:   "mux", test: "TestDrainedPool",
	},
	{
		name: "what a draining peer does not serve waits for its RESET", file: "mux/drain.go",
		edits: []edit{{"\t\tx.refuse()\n", "\t\t_ = x\n"}},
		pkg:   "mux", test: "TestDrainedAtOnce",
	},
}
