package mutants

// goodbyeMutants are mistakes in how a session ends while its client is being welcomed.
var goodbyeMutants = []mutant{
	{
		name: "the end of a listener cuts the WELCOME that it writes", file: "conn/handshake_limit.go",
		edits: []edit{{"\tcommitted := m.committed\n", "\tcommitted := false\n"}},
		pkg:   "server", test: "TestGoodbyeWhileWelcoming",
	},
	{
		name: "a WELCOME may be written for ever", file: "conn/handshake_limit.go",
		edits: []edit{{"\tif committed && !m.released {\n", "\tif false {\n"}},
		pkg:   "conn", test: "TestLateWelcome",
	},
	{
		name: "a client is welcomed when the time is up", file: "conn/handshake_limit.go",
		edits: []edit{{"\tif m.ctx.Err() != nil {\n", "\tif false {\n"}},
		pkg:   "conn", test: "TestLateWelcome", flags: []string{"-count=200"}, // the context's goroutine is often quicker
	},
	{
		name: "a session is lost while its client comes back", file: "conn/resume.go",
		edits: []edit{{"|| len(l.carriers.attempts) > 0 && (refused", "|| false && (refused"}},
		pkg:   "conn", test: "TestLoseWhileResuming",
	},
	{
		name: "the carrier of a client that comes back stays cut", file: "conn/resume_server.go",
		edits: []edit{{"\tif err := m.commit(); err != nil {\n\t\treturn err\n\t}\n", ""}},
		pkg:   "server", test: "TestGoodbyeWhileWelcoming",
	},
	{
		name: "two clients come back with one id", file: "conn/resume.go",
		edits: []edit{{"(refused == nil || refused.Code != frame.AlreadyExists)", "true"}},
		pkg:   "conn", test: "TestLoseWhileResuming",
	},
	{
		name: "Close before Start hangs up", file: "conn/close.go",
		edits: []edit{{"unmet := !l.life.running && !l.life.committed", "unmet := !l.life.running"}},
		pkg:   "conn", test: "TestCloseBeforeStart",
	},
	{
		name: "Close before Start takes what nobody handles", file: "conn/depart.go",
		edits: []edit{{"\tl.bye.deaf.Store(true)\n", ""}},
		pkg:   "conn", test: "TestCloseBeforeStart",
	},
	{
		name: "Start forgets the handler of a link that was closed", file: "conn/link.go",
		edits: []edit{{"if l.life.running && !departing {", "if l.life.running {"}},
		pkg:   "conn", test: "TestCloseBeforeStart",
	},
	{
		name: "the end of what a peer says cuts our BYE", file: "conn/lifetime.go",
		edits: []edit{{"if err == errBye || l.lastWordLocked(c, err) {", "if err == errBye {"}},
		pkg:   "conn", test: "TestLastWords",
	},
	{
		name: "a BYE waits for a peer that acknowledges nothing more", file: "conn/send.go",
		edits: []edit{{"l.send.log.unacked() == 0 || l.bye.unheard:", "l.send.log.unacked() == 0:"}},
		pkg:   "conn", test: "TestLastWordUnheard",
	},
	{
		name: "a refusal is cut by what the client said after its HELLO", file: "conn/carrier.go",
		edits: []edit{{"\tio.Copy(io.Discard, io.LimitReader(c.nc, lingerBytes))\n", ""}},
		pkg:   "conn", test: "TestLastWords",
	},
	{
		name: "a refused client keeps its id until it hangs up", file: "server/handshake.go",
		edits: []edit{{"\t\t\th.undo() // now", "\t\t\t_ = h // now"}},
		pkg:   "server", test: "TestRefusedHasNoPlace",
	},
	{
		name: "a ghost that comes back outlives the listener", file: "server/peers.go",
		edits: []edit{{"slices.Concat(ghosts, leaving, p.all())", "slices.Concat(leaving, p.all())"}},
		pkg:   "server", test: "TestGhostInVain",
	},
}
