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
}
