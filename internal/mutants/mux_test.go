package mutants

// muxMutants are mistakes in streams, credit and slots.
var muxMutants = []mutant{
	{
		name: "a call that was given up runs after a resume", file: "mux/replay.go",
		edits: []edit{{"\t\t\tframe.SetOpenKind(payload, frame.KindVoid)\n", ""}},
		pkg:   "mux", test: "TestReplay",
	},
	{
		name: "a call's timeout is not brought up to date", file: "mux/replay.go",
		edits: []edit{{"\tcase *Exchange:\n\t\tsetTimeout(payload, e.deadline)\n", "\tcase *Exchange:\n"}},
		pkg:   "mux", test: "TestReplay",
	},
	{
		name: "the end is lost when a frame is made longer", file: "mux/flow_write.go",
		edits: []edit{{"\t\th.Flags |= flags\n", "\t\th.Flags |= flags &^ frame.FlagFin\n"}},
		pkg:   "mux", test: "TestHalfClose",
	},
	{
		name: "a torn end counts as the end", file: "mux/dispatch.go",
		edits: []edit{{"\t\tf.peerEnd = 0 // torn", "\t\t// torn"}},
		pkg:   "mux", test: "TestTorn",
	},
	{
		name: "credit does not end BLOCKED", file: "mux/dispatch.go",
		edits: []edit{{"f.saidBlocked = f.saidBlocked && n == 0", "_ = n"}},
		pkg:   "mux", test: "TestBlockedOnce",
	},
	{
		name: "credit does not confirm a stream", file: "mux/dispatch.go",
		edits: []edit{{"\ts.confirmLocked(f)\n\tif f.sentEnd {\n", "\tif f.sentEnd {\n"}},
		pkg:   "mux", test: "TestBacklogHandsOver",
	},
	{
		name: "bytes for a closed stream are kept", file: "mux/arrive.go",
		edits: []edit{{"\tcase st.rend != nil:\n\t\tif c != nil {\n\t\t\tc.free()\n\t\t}\n", ""}},
		pkg:   "mux", test: "TestDroppedBytes",
	},
	{
		name: "a stream that was not sent counts as sent", file: "mux/outage.go",
		edits: []edit{{"st.openPos >= st.s.l.Sent()", "st.openPos > st.s.l.Sent()"}},
		pkg:   "mux", test: "TestUnsentStream",
	},
	{
		name: "an End that closes ends unfinished streams well", file: "mux/drain.go",
		edits: []edit{{" && (s.cfg.yamux || first && st.id == 0)", ""}},
		pkg:   ".", test: "TestEOFIsTheWriters",
	},
	{
		name: "what is being accepted does not count as open", file: "mux/accept.go",
		edits: []edit{{"\ts.peer.accepting.Store(true) // before a Drain can name it as served\n", ""}},
		pkg:   "mux", test: "TestCountBeforeTable",
	},
	{
		name: "a call that was not sent counts as sent", file: "mux/exchange.go",
		edits: []edit{{"x.endPos > 0 && x.endPos <= x.s.l.Sent() &&", "x.endPos > 0 &&"}},
		pkg:   "mux", test: "TestSent",
	},
	{
		name: "a call whose body was cut counts as sent", file: "mux/exchange.go",
		edits: []edit{{"x.endPos > 0 && x.endPos <= x.s.l.Sent()", "x.s.l.Sent() > 0"}},
		pkg:   "mux", test: "TestSentIsWhole",
	},
	{
		name: "what a closed link drops counts as sent", file: "conn/append.go",
		edits: []edit{{"if l.mutedLocked() {\n\t\treturn math", "if l.mutedLocked() && math.MaxInt == 0 {\n\t\treturn math"}},
		pkg:   "conn", test: "TestDropped",
	},
	{
		name: "what a carrier had counts as taken after BYE", file: "conn/append.go",
		edits: []edit{{"if l.bye.final {", "if false {"}},
		pkg:   "conn", test: "TestSentAfterBye",
	},
	{
		name: "credit for bytes that are not read", file: "mux/recv.go",
		edits: []edit{{"\t\tcredit = st.window - st.grant - st.in.n\n", "\t\tcredit = st.window - st.grant\n"}},
		pkg:   "mux", test: "TestEarlyAfterWindow",
	},
	{
		name: "a cancelled call's slot is free before its handler has returned", file: "mux/incoming.go",
		edits: []edit{{"\tx.canceled = true\n\tif x.owe&oweReset == 0 {", "\tx.canceled = true\n\ts.oweLocked(&x.flow, oweFin)\n\tif x.owe&oweReset == 0 {"}},
		pkg:   "mux", test: "TestIncomingStates",
	},
	{
		name: "control frames take all of the reserve", file: "mux/fill.go",
		edits: []edit{{"\t\tif s.l.Room() < -controlReserve {\n\t\t\treturn false\n\t\t}\n", ""}},
		pkg:   "mux", test: "TestFullReserve",
	},
}
