package mutants

// againMutants are mistakes in what a goodbye means, and in an End that has two sessions.
var againMutants = []mutant{
	{
		name: "NoFresh is forgotten", file: "internal/sessions/move.go",
		edits: []edit{{"(ln.cfg.NoFresh || !lost && !again || ln.ending())", "(!lost && !again || ln.ending())"}},
		pkg:   ".", test: "TestNoFresh",
	},
	{
		name: "a plain goodbye after an invitation sends the client away", file: "internal/sessions/move.go",
		edits: []edit{{"closed.Code == frame.OK && s.leaving.Load()", "false"}},
		pkg:   "internal/sessions", test: "TestLeaveBye",
	},
	{
		name: "a goodbye without an invitation asks to come again", file: "internal/sessions/move.go",
		edits: []edit{{"closed.Code == frame.OK && s.leaving.Load()", "closed.Code == frame.OK"}},
		pkg:   ".", test: "TestComeAgain",
	},
	{
		name: "an End ends with its older session", file: "internal/sessions/move.go",
		edits: []edit{{"if !retired && (ln.cfg.NoFresh", "if (ln.cfg.NoFresh"}, {"!again || ln.ending()) {", "!again || ln.ending() || retired) {"}},
		pkg:   ".", test: "TestMove",
	},
	{
		name: "Close says nothing to the older session", file: "internal/sessions/lifetime.go",
		edits: []edit{{"\tfor _, s := range ln.older() {\n\t\tolder.Go(", "\tfor _, s := range ln.older()[:0] {\n\t\tolder.Go("}},
		pkg:   ".", test: "TestCloseMoved",
	},
	{
		name: "Shutdown does not wait for the older session", file: "internal/sessions/move.go",
		edits: []edit{{"\t\tn += s.Mux.Count()\n", "\t\t_ = s\n"}},
		pkg:   ".", test: "TestCloseMoved",
	},
	{
		name: "what was not served goes before what was not served earlier", file: "internal/sessions/resend.go",
		edits: []edit{{"q.queue = append(q.queue, last...)", "q.queue = append(last, q.queue...)"}},
		pkg:   "internal/sessions", test: "TestRequeueOrder",
	},
	{
		name: "what the peer does not serve is not sent in the next session", file: "internal/sessions/wait.go",
		edits: []edit{{"return s.leaving.Load() && (s.Mux", "return false && (s.Mux"}},
		pkg:   ".", test: "TestOutageDrained",
	},
	{
		name: "what an older session leaves waits for ever", file: "internal/sessions/session.go",
		edits: []edit{{"\t\tln.Requeue()\n", ""}},
		pkg:   ".", test: "TestMovedMessages",
	},
	{
		name: "a client that was away learns of a Shutdown as of a Close", file: "end_close.go",
		edits: []edit{{"why != nil && !all[0].Link.Client()", "why == nil"}},
		pkg:   ".", test: "TestComeAgain",
	},
	{
		name: "an older session is not dialled again", file: "internal/sessions/redial.go",
		edits: []edit{{"if s.Lost() || s.Native.State() != conn.StateBroken ||", "if true || s.Lost() ||"}},
		pkg:   ".", test: "TestMovedCut",
	},
	{
		name: "the address of a goodbye is not gone to", file: "internal/sessions/move.go",
		edits: []edit{{"\tln.redial.visit(d.Addr)\n", ""}},
		pkg:   ".", test: "TestMoveAddr",
	},
	{
		name: "an End that drains keeps its id from its client", file: "server/peers.go",
		edits: []edit{{"\t\tif !x.leaves() {\n", "\t\tif true {\n"}},
		pkg:   "server", test: "TestMoveSameServer",
	},
	{
		name: "an End that drains makes way only while its link is up", file: "server/peers.go",
		edits: []edit{{"p.shown && p.end.Draining()", "p.shown && p.end.State() == gantline.StateDraining"}},
		pkg:   "server", test: "TestMoveWhileBroken",
	},
	{
		name: "Close forgets the Ends that are being drained", file: "server/peers.go",
		edits: []edit{{"slices.Concat(ghosts, leaving, p.all())", "slices.Concat(ghosts, leaving[:0], p.all())"}},
		pkg:   "server", test: "TestMoveSameServer",
	},
}
