package mutants

// outageMutants are mistakes about what is begun while there is no connection.
var outageMutants = []mutant{
	{
		name: "a stream is opened into the log of a broken session", file: "mux/outage.go",
		edits: []edit{{"return s.cfg.AwaitCarrier && !o.NoWait", "return false && !o.NoWait"}},
		pkg:   ".", test: "TestOutage",
	},
	{
		name: "an open that waited for its slot does not look for a carrier again", file: "mux/outage.go",
		edits: []edit{{"if err != nil || !s.awaitsCarrier(o) || s.l.Carried() {", "if true {"}},
		pkg:   "mux", test: "TestAwaitCarrierAgain",
	},
	{
		name: "what waits for a carrier does not learn of it", file: "mux/dispatch.go",
		edits: []edit{{"\ts.carriedLocked() // a new carrier begins with this\n", ""}},
		pkg:   "mux", test: "TestAwaitCarrier",
	},
	{
		name: "the time of a call stands still while it waits for a carrier", file: "mux/outage.go",
		edits: []edit{{"o.Timeout-time.Since(began)", "o.Timeout"}, {"\tbegan := time.Now()\n", ""}},
		pkg:   "mux", test: "TestAwaitCarrierTimeout",
	},
	{
		name: "a stream opened inside a callback waits for a carrier", file: "mux/outage.go",
		edits: []edit{{"s.cfg.AwaitCarrier && !o.NoWait && o.Parent == 0", "s.cfg.AwaitCarrier && o.Parent == 0"}},
		pkg:   "mux", test: "TestAwaitCarrier",
	},
	{
		name: "a carrier whose write failed takes what is appended", file: "conn/append.go",
		edits: []edit{{" && c.writeErr == nil\n", "\n"}},
		pkg:   "conn", test: "TestCarried",
	},
	{
		name: "a stream that was not sent is only lost", file: "mux/outage.go",
		edits: []edit{{"\t\treturn NotSent(err)\n", "\t\treturn err\n"}},
		pkg:   ".", test: "TestOutage",
	},
	{
		name: "a writer that waits does not learn that nothing was sent", file: "mux/outage.go",
		edits: []edit{{"if st.unsent && st.stopped == nil {", "if false {"}},
		pkg:   "mux", test: "TestNotSentWhileWriting",
	},
	{
		name: "a stream that a draining peer refuses counts as served", file: "mux/outage.go",
		edits: []edit{{"return st.own && st.Parent() == 0 && st.s.refusesLocked(st.id)", "return false"}},
		pkg:   ".", test: "TestOutageDrained",
	},
	{
		name: "only an acknowledged stream has reached the peer", file: "mux/outage.go",
		edits: []edit{{"reached := st.heard || ", "reached := "}},
		pkg:   "mux", test: "TestNotSent",
	},
	{
		name: "a stream has reached the peer when a carrier had it", file: "mux/outage.go",
		edits: []edit{{"st.openPos < st.s.l.Acked()", "st.openPos < st.s.l.Sent()"}},
		pkg:   ".", test: "TestReachedPeer",
	},
	{
		name: "Shutdown does not wait for what waits for a carrier", file: "internal/sessions/wait.go",
		edits: []edit{{"s != nil && s.Mux.AwaitsCarrier() || ", "s == nil || "}},
		pkg:   ".", test: "TestOutageEnds",
	},
	{
		name: "a message without an ack is lost with its session", file: "messager_publish.go",
		edits: []edit{{"sc.isEnd() && line.Renews() {", "sc.isEnd() && !line.Renews() {"}},
		pkg:   ".", test: "TestOutage",
	},
	{
		name: "what a carrier had is sent again though nobody waits for it", file: "internal/sessions/unsent.go",
		edits: []edit{{"f.Err != nil && !f.Sent && ", "f.Err != nil && "}},
		pkg:   ".", test: "TestOutage",
	},
	{
		name: "a message without an ack has all its time again", file: "internal/sessions/unsent.go",
		edits: []edit{{"max(time.Until(u.deadline), time.Millisecond)", "u.open.Timeout"}},
		pkg:   ".", test: "TestOutageNoAck",
	},
}
