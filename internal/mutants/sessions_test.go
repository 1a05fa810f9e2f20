package mutants

// sessionsMutants are mistakes in how an End gets one session after the other.
var sessionsMutants = []mutant{
	{
		name: "a Line that is closed asks for another session", file: "internal/sessions/redial.go",
		edits: []edit{{"\t\treturn !r.ln.Closing()\n", "\t\treturn true\n"}},
		pkg:   "internal/sessions", test: "TestLineClosedWhileRenewing",
	},
	{
		name: "a session that comes too late is taken", file: "internal/sessions/line.go",
		edits: []edit{{"\tif ln.ending() {\n\t\tln.sessionMu.Unlock()\n\t\t_ =", "\tif false {\n\t\tln.sessionMu.Unlock()\n\t\t_ ="}},
		pkg:   "internal/sessions", test: "TestLineClosedWhileRenewing",
	},
	{
		name: "what a session did not take goes to the end", file: "internal/sessions/resend.go",
		edits: []edit{{"q.queue = slices.Insert(q.queue, 0, what)", "q.queue = append(q.queue, what)"}},
		pkg:   "internal/sessions", test: "TestQueueInterrupted",
	},
	{
		name: "a session does not wait for what the lost one sends again", file: "internal/sessions/line.go",
		edits: []edit{{"\told.Resending.Wait()\n", ""}},
		pkg:   "internal/sessions", test: "TestResendLostAgain",
	},
	{
		name: "backoff stands still while dials are refused", file: "internal/sessions/pauses.go",
		edits: []edit{{"\tp.b.NextBackOff()\n\tp.refusals++", "\tp.refusals++"}},
		pkg:   "internal/sessions", test: "TestPauseHerd",
	},
	{
		name: "servers send a client round and round", file: "internal/sessions/redial.go",
		edits: []edit{{"&& x.redirects < maxRedirects:", "&& x.redirects < 1000:"}},
		pkg:   "internal/sessions", test: "TestRedialRedirects",
	},
}
