package mutants

// linkMutants are mistakes in the log, acknowledgements and the heartbeat.
var linkMutants = []mutant{
	{
		name: "a peer that goes on sending after its error keeps a core busy", file: "conn/recv.go",
		edits: []edit{{"<-time.After(lingerPause)", "<-time.After(0)"}},
		pkg:   "conn", test: "TestSlowAfterError",
	},
	{
		name: "acknowledge the frame under way", file: "conn/recv.go",
		edits: []edit{{"\tl.recv.position.Store(c.pos)\n", "\tl.recv.position.Store(c.pos + c.size)\n"}},
		pkg:   "conn", test: "TestAckTorn",
	},
	{
		name: "an ack from the future is taken", file: "conn/control.go",
		edits: []edit{{"if pos < g.acked || pos > g.sent {", "if pos < g.acked {"}},
		pkg:   "conn", test: "TestAckRange",
	},
	{
		name: "PONG does not return what PING brought", file: "conn/control.go",
		edits: []edit{{"l.beat.pong, l.beat.pongDue = x.Opaque, true", "l.beat.pongDue = true"}},
		pkg:   "conn", test: "TestPongCoalesces",
	},
	{
		name: "an idle log keeps its chunks", file: "conn/log.go",
		edits: []edit{{"\tif g.head == nil {\n\t\tg.drop()\n\t}\n", ""}},
		pkg:   "conn", test: "TestLogChunks",
	},
	{
		name: "a chunk that is being written is recycled", file: "conn/log.go",
		edits: []edit{{"c != nil && !c.pinned && c.end() <= g.acked", "c != nil && c.end() <= g.acked"}},
		pkg:   "conn", test: "TestLogModel",
	},
	{
		name: "a frame that a flush has taken is made longer", file: "conn/log.go",
		edits: []edit{{"if g.last < g.sent || g.sent == g.appended {", "if g.tail == nil {"}},
		pkg:   "conn", test: "TestLogTail",
	},
	{
		name: "BYE before everything is acknowledged", file: "conn/send.go",
		edits: []edit{{"case l.send.log.unacked() == 0 || l.bye.unheard:", "case true:"}},
		pkg:   "conn", test: "TestCloseScript",
	},
	{
		name: "BYE is not answered", file: "conn/control.go",
		edits: []edit{{"\t\tl.bye.due = true\n", ""}},
		pkg:   "conn", test: "TestClose",
	},
	{
		name: "no ack on its own before the log is full", file: "conn/recv.go",
		edits: []edit{{"if c.pos-l.recv.ackSent.Load() >= l.recv.ackAlone {", "if false {"}},
		pkg:   "conn", test: "TestAckAlone",
	},
}
