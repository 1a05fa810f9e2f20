package mutants

// rootMutants are mistakes in Ends: calls, messages and what a fresh session sends again.
var rootMutants = []mutant{
	{
		name: "an End that shuts down goes on publishing", file: "messager_publish.go",
		edits: []edit{{"if sc.end.line.Draining() && depth == 0 {", "if sc.end.line.Draining() && depth == 99 {"}},
		pkg:   ".", test: "TestShutdownRefusesHere",
	},
	{
		name: "a message that is sent again is not marked", file: "messager_kept.go",
		edits: []edit{{"\t\tk.open.Metadata = frame.Redelivered(k.open.Metadata)\n", ""}},
		pkg:   ".", test: "TestFreshMessages",
	},
	{
		name: "what is sent again is in no order", file: "internal/sessions/resend.go",
		edits: []edit{{"cmp.Compare(a.id, b.id)", "cmp.Compare(b.id, a.id)"}},
		pkg:   ".", test: "TestFreshMessages",
	},
	{
		name: "what a second loss leaves goes after newer ones", file: "internal/sessions/resend.go",
		edits: []edit{{"q.queue = append(first, q.queue...)", "q.queue = append(q.queue, first...)"}},
		pkg:   ".", test: "TestFreshManyAgain",
	},
	{
		name: "newer messages overtake what is sent again", file: "internal/sessions/resend.go",
		edits: []edit{{"\t\tif q.Run(s) {\n\t\t\tsent.Open()\n\t\t}", "\t\tsent.Open()\n\t\tq.Run(s)"}},
		pkg:   ".", test: "TestFreshMany",
	},
	{
		name: "a lost session has the code of its reason", file: "conn/errors.go",
		edits: []edit{{"return errs.Seal(frame.Unavailable, ErrSessionLost, e.err)", "return errors.Join(ErrSessionLost, e.err)"}},
		pkg:   ".", test: "TestRestartedServer",
	},
	{
		name: "an error has the codes of its causes", file: "errors.go",
		edits: []edit{{"\treturn errs.Seal(e.Code, e.cause)", "\treturn e.cause"}},
		pkg:   ".", test: "TestErrorTable",
	},
	{
		name: "a call that waits in the log was not sent", file: "end_outcome.go",
		edits: []edit{{"earlier || x.Sent || !errors.Is(x.Err, ErrSessionLost)", "earlier || x.Sent"}},
		pkg:   ".", test: "TestGivenUpWhileBroken",
	},
	{
		name: "a peer's text is printed raw", file: "internal/errs/text.go",
		edits: []edit{{"\tif printable(text) {", "\tif len(text) > 0 {"}},
		pkg:   ".", test: "TestPeersTexts",
	},
	{
		name: "a message is remembered before it is acked", file: "messager_message.go",
		edits: []edit{{"\tif d == nil || !d.Seen(m.ID) {\n\t\treturn false", "\tif d == nil {\n\t\treturn false\n\t}\n\tif !d.Seen(m.ID) {\n\t\td.Add(m.ID)\n\t\treturn false"}},
		pkg:   ".", test: "TestDedupNack",
	},
	{
		name: "a copy keeps its place", file: "messager_message.go",
		edits: []edit{{"\tm.handOut()\n\tif m.outcome", "\tif m.outcome"}},
		pkg:   ".", test: "TestDedupPlaces",
	},
	{
		name: "a copy does not wait for the first", file: "messager_inbox.go",
		edits: []edit{{"\tdefer m.awaitCopy().Release()\n", ""}},
		pkg:   ".", test: "TestDedupUnderWay",
	},
	{
		name: "the next End has the outbox while the last one notes what was answered", file: "internal/settle/settler.go",
		edits: []edit{{"if len(batch) == 0 && s.ended {", "if s.ended {"}},
		pkg:   "internal/settle", test: "TestClaim",
	},
	{
		name: "Send hides that the session is lost", file: "rpc_stream.go",
		edits: []edit{{"\t\tif late {\n", "\t\t_ = late\n\t\t{\n"}},
		pkg:   ".", test: "TestFreshSendCut",
	},
	{
		name: "a suspended End keeps its id", file: "server/peers.go",
		edits: []edit{{"\t\tp.sessions.Drop(old, errSuperseded)\n\t\tif old.Context().Err() == nil && old.State() != gantline.StateBroken &&", "\t\tif old.Context().Err() == nil &&"}},
		pkg:   "server", test: "TestSuspendedIsReplaced",
	},
	{
		name: "an End that is up counts as dropped", file: "end_sessions.go",
		edits: []edit{{"return l != nil && l.Lose(why)", "return l != nil && (l.Lose(why) || true)"}},
		pkg:   "server", test: "TestCloseClosesEnds",
	},
}
