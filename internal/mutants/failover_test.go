package mutants

// failoverMutants are mistakes in how a client chooses among addresses, and asks at several of them at once.
var failoverMutants = []mutant{
	{
		name: "attempts that go on at once have epochs of their own", file: "conn/attempts.go",
		edits: []edit{{"if len(s.attempts) == 0 || s.spent {", "if true {"}},
		pkg:   "conn", test: "TestResumeLateAttempt",
	},
	{
		name: "the answer to an old attempt counts", file: "conn/resume_client.go",
		edits: []edit{{"case !l.carriers.broken || c.epoch != l.carriers.epoch:", "case !l.carriers.broken:"}},
		pkg:   "conn", test: "TestResumeOldAnswer",
	},
	{
		name: "an attempt that is refused as old is made with the same epoch", file: "conn/resume_client.go",
		edits: []edit{{"l.carriers.epoch, l.carriers.spent = refused.Epoch, true", "l.carriers.epoch = refused.Epoch"}},
		pkg:   "conn", test: "TestResumeLostWelcome",
	},
	{
		name: "a server that has answered is not asked first", file: "client/redial.go",
		edits: []edit{{"i >= 0 {\n\t\tr.turn = i\n", "i >= 0 {\n"}},
		pkg:   "client", test: "TestFailover",
	},
	{
		name: "no address is tried beside a silent one", file: "internal/routes/race.go",
		edits: []edit{{"\t\tcase <-silent.C:\n\t\t\tbegin = true\n", "\t\tcase <-silent.C:\n"}},
		pkg:   "client", test: "TestFailover",
	},
	{
		name: "the word of another server ends a session at once", file: "internal/sessions/race.go",
		edits: []edit{{"v.Then, x.unknown = routes.Hold, err", "v.Then, x.until = routes.Hold, x.began"}},
		pkg:   "internal/sessions", test: "TestRaceVerdicts",
	},
	{
		name: "a session waits for a server that is gone", file: "internal/sessions/race.go",
		edits: []edit{{"if home && errors.Is(err, syscall.ECONNREFUSED) {", "if false && errors.Is(err, syscall.ECONNREFUSED) {"}},
		pkg:   "client", test: "TestFailover",
	},
	{
		name: "the word of another server is as good as that of the session's own", file: "internal/sessions/race.go",
		edits: []edit{{"case home || no.HasPosition", "case true || no.HasPosition"}},
		pkg:   "internal/sessions", test: "TestRaceVerdicts",
	},
	{
		name: "the word of another server ends a session that no other one replaces", file: "internal/sessions/race.go",
		edits: []edit{{" && !r.ln.cfg.NoFresh:", ":"}},
		pkg:   "internal/sessions", test: "TestRaceNoFresh",
	},
	{
		name: "a handshake that was not quick enough is cut", file: "internal/routes/race.go",
		edits: []edit{{"a.finishes = a.shaking && c.Discard != nil &&", "a.finishes = false &&"}},
		pkg:   "internal/sessions", test: "TestFirstStates",
	},
	{
		name: "two attempts win", file: "internal/routes/attempt.go",
		edits: []edit{{"first = !c.decided\n", "first = true\n"}},
		pkg:   "internal/routes", test: "TestRace",
	},
	{
		name: "a link that is not taken says that it is up", file: "internal/sessions/race.go",
		edits: []edit{{"\tif !g.taken {\n", "\tif false {\n"}},
		pkg:   "internal/sessions", test: "TestFirstStates",
	},
	{
		name: "the clients of a slow server come to the next one all at once", file: "internal/sessions/race.go",
		edits: []edit{{"raceAfter + rand.N(raceSway)", "raceAfter + rand.N(raceSway/1000)"}},
		pkg:   "client", test: "TestFailoverCrowd",
	},
	{
		name: "Dialer.Timeout does not bound a redial's handshake", file: "client/way.go",
		edits: []edit{{"w.outer, w.limit = ctx, w.r.d.limit(ctx, left)\n", "w.outer, w.limit = ctx, DefaultTimeout\n"}},
		pkg:   "client", test: "TestFailoverSmallTimeout",
	},
	{
		name: "a dial that took all its time is wasted", file: "internal/routes/attempt.go",
		edits: []edit{{"} else if a.ctx.Err() != nil && a.life.Err() == nil {", "} else if false {"}},
		pkg:   "client", test: "TestRedialIgnoresContext",
	},
	{
		name: "dials of a race run outside the bracket", file: "internal/routes/attempt.go",
		edits: []edit{{"if c.Run == nil {", "if true {"}},
		pkg:   "client", test: "TestFailoverCallback",
	},
}
