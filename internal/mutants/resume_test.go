package mutants

// resumeMutants are mistakes in how a session goes on over another connection.
var resumeMutants = []mutant{
	{
		name: "trim on write", file: "conn/log.go",
		edits: []edit{{"\tg.pins = g.pins[:0]\n\tg.trim()", "\tg.pins = g.pins[:0]\n\tg.acked = g.sent\n\tg.trim()"}},
		pkg:   "conn", test: "TestResumeCuts",
	},
	{
		name: "no rewind", file: "conn/resume.go",
		edits: []edit{{"if err := l.send.log.rewind(pos); err != nil {", "if err := error(nil); err != nil {"}},
		pkg:   "conn", test: "TestResumeCuts",
	},
	{
		name: "keep a torn frame", file: "conn/recv.go",
		edits: []edit{{"\tc.size = uint64(frame.HeaderLen) + uint64(h.Length)\n", "\tc.size = uint64(frame.HeaderLen) + uint64(h.Length)\n\tc.count()\n"}},
		pkg:   "conn", test: "TestTornFrame",
	},
	{
		name: "no idle ack", file: "conn/ack.go",
		edits: []edit{{"\t\tl.recv.ackTimer.Reset(d)\n", "\t\t_ = d\n"}},
		pkg:   "conn", test: "TestAckAfterDelay",
	},
	{
		name: "no idle ack, seen by the schedules without a cut", file: "conn/ack.go",
		edits: []edit{{"\t\tl.recv.ackTimer.Reset(d)\n", "\t\t_ = d\n"}},
		pkg:   "internal/sim", test: "TestSchedules", flags: []string{"-schedules=60"},
	},
	{
		name: "an ask without news is never over", file: "conn/ack.go",
		edits: []edit{{"\tif l.recv.ackDue {\n\t\tl.recv.ackAsked.Store(false)", "\tif l.recv.ackDue {\n\t\t_ = 0"}},
		pkg:   "conn", test: "TestAckAskedLate",
	},
	{
		name: "accept the old epoch", file: "conn/resume_server.go",
		edits: []edit{{"case r.Epoch <= l.carriers.epoch:", "case r.Epoch < l.carriers.epoch:"}},
		pkg:   "conn", test: "TestResumeRefused",
	},
	{
		name: "position before the old carrier is closed", file: "conn/resume_server.go",
		edits: []edit{
			{"\tl.carriers.epoch = r.Epoch\n", "\tl.carriers.epoch = r.Epoch\n\tearly := l.recv.position.Load()\n"},
			{"l.welcomeBack(c, hello, bare)\n", "l.welcomeBack(c, hello, bare, early)\n"},
			{"welcomeBack(c *carrier, hello *frame.Hello, bare []byte) error", "welcomeBack(c *carrier, hello *frame.Hello, bare []byte, early uint64) error"},
			{"Position: l.recv.position.Load(), Released", "Position: early, Released"},
		},
		pkg: "conn", test: "TestResumeJoins",
	},
	{
		name: "resend everything", file: "conn/resume.go",
		edits: []edit{{"if err := l.send.log.rewind(pos); err != nil {", "if err := l.send.log.rewind(l.send.log.acked); err != nil {"}},
		pkg:   "conn", test: "TestResumeCuts",
	},
	{
		name: "the old reader is not waited for", file: "conn/resume_server.go",
		edits: []edit{{"late := m.await(old.joined)", "late := m.await(l.life.started)"}},
		pkg:   "conn", test: "TestResumeJoins",
	},
	{
		name: "the client does not check the WELCOME's proof", file: "conn/resume_client.go",
		edits: []edit{{"if !hmac.Equal(got[:], want[:]) {", "if false && !hmac.Equal(got[:], want[:]) {"}},
		pkg:   "conn", test: "TestResumeLies",
	},
	{
		name: "the server does not check the HELLO's proof", file: "conn/resume_server.go",
		edits: []edit{{"if err != nil || !hmac.Equal(got[:], want[:]) {", "if err != nil || false && !hmac.Equal(got[:], want[:]) {"}},
		pkg:   "conn", test: "TestResumeRefused",
	},
	{
		name: "the client uses an epoch again", file: "conn/attempts.go",
		edits: []edit{{"\t\ts.epoch++\n", ""}},
		pkg:   "conn", test: "TestResumeEpochs",
	},
	{
		name: "a position outside of the log is taken", file: "conn/resume_server.go",
		edits: []edit{{"case r.Position < l.send.log.acked || r.Position > l.send.log.sent:", "case false:"}},
		pkg:   "conn", test: "TestResumeRefused",
	},
	{
		name: "a position inside of a frame is taken", file: "conn/log.go",
		edits: []edit{{"\t\tif off != want {\n", "\t\tif false {\n"}},
		pkg:   "conn", test: "TestLogRewind",
	},
	{
		name: "released counters of a resume are not taken", file: "conn/resume.go",
		edits: []edit{{"if err := l.handler.HandleReleased(c.relSeen); err != nil {", "if err := error(nil); err != nil {"}},
		pkg:   "conn", test: "TestResumeReleased",
	},
	{
		name: "the client does not follow the server's epoch", file: "conn/resume_client.go",
		edits: []edit{{"l.carriers.epoch, l.carriers.spent = refused.Epoch, true", "l.carriers.spent = true"}},
		pkg:   "conn", test: "TestResumeEpochs",
	},
	{
		name: "a closed session is resumed", file: "conn/resume_server.go",
		edits: []edit{{"case l.life.ended || l.bye.sent || l.bye.heard || l.life.final:", "case false:"}},
		pkg:   "conn", test: "TestResumeClosed",
	},
	{
		name: "expiry acts in another epoch", file: "conn/resume.go",
		edits: []edit{{"if !l.carriers.broken || l.carriers.epoch != epoch {", "if !l.carriers.broken {"}},
		pkg:   "conn", test: "TestResumeExpiry",
	},
	{
		name: "expiry ends a link that is up", file: "conn/resume.go",
		edits: []edit{
			{"if l.stats.resumes != resumes {", "if false {"},
			{"if !l.carriers.broken || l.carriers.epoch != epoch {", "if false {"},
			{"\tif l.carriers.expiry != nil {\n\t\tl.carriers.expiry.Stop()\n\t\tl.carriers.expiry = nil\n\t}\n", ""},
		},
		pkg: "conn", test: "TestResumeExpiry",
	},
	{
		name: "a late expiry acts on a later break", file: "conn/resume.go",
		edits: []edit{{"if l.stats.resumes != resumes {", "if false {"}},
		pkg:   "conn", test: "TestExpiryLate",
	},
	{
		name: "a resume does not end a link that said BYE", file: "conn/resume_server.go",
		edits: []edit{{"if ending {", "if ending && false {"}},
		pkg:   "conn", test: "TestResumeAfterBye",
	},
	{
		name: "BYE does not wait for the frame being read", file: "conn/recv.go",
		edits: []edit{{"if c.size > 0 {", "if false {"}},
		pkg:   "conn", test: "TestByeInsideFrame",
	},
	{
		name: "pings are not asked again", file: "conn/resume.go",
		edits: []edit{{"\tl.beat.pinger.restart()\n", ""}},
		pkg:   "conn", test: "TestResumePing",
	},
	{
		name: "the position of a refusal is ignored", file: "conn/resume.go",
		edits: []edit{{"_ = l.send.log.rewind(refused.Position) //", "//"}},
		pkg:   ".", test: "TestFreshCallsPosition",
	},
	{
		name: "a session that was closed leaves no tombstone", file: "end_sessions.go",
		edits: []edit{{"\t\ts.graves.Bury(l)\n", ""}},
		pkg:   ".", test: "TestFreshCallsPosition",
	},
	{
		name: "suspended sessions hold what they like", file: "internal/suspended/trim.go",
		edits: []edit{{"for p.bytes > limit {", "for false {"}},
		pkg:   ".", test: "TestSuspendedBytes",
	},
	{
		name: "a client that was never heard from does not come back", file: "server/handshake.go",
		edits: []edit{{"\th.l.peers.forsake(end)\n", ""}},
		pkg:   "server", test: "TestGhost",
	},
	{
		name: "a ghost keeps its id from others", file: "server/peers.go",
		edits: []edit{{"range ghosts {\n\t\t\tp.sessions.Drop(g, errSuperseded)", "range ghosts[:0] {\n\t\t\tp.sessions.Drop(g, errSuperseded)"}},
		pkg:   "server", test: "TestGhostReplaced",
	},
}
