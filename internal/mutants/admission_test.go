package mutants

// admissionMutants are mistakes in who gets in, and in what those hold who are away.
var admissionMutants = []mutant{
	{
		name: "nobody makes way for a newcomer", file: "server/slots.go",
		edits: []edit{{"if w := sl.weightLocked(now); w > most {", "if w := sl.weightLocked(now); false && w > most {"}},
		pkg:   "server", test: "TestWhoMakesWay",
	},
	{
		name: "the silent do not go before the slow", file: "server/slots.go",
		edits: []edit{{"\t\td *= silentWeight\n", ""}},
		pkg:   "server", test: "TestWhoMakesWay",
	},
	{
		name: "a byte now and then keeps a slot", file: "server/slots.go",
		edits: []edit{{"\tif sl.turn.IsZero() {\n", "\tif true {\n"}},
		pkg:   "server", test: "TestWhoMakesWay",
	},
	{
		name: "one of a crowd is evicted before it had a chance", file: "server/slots.go",
		edits: []edit{{"case !sl.heard || d < graceTurn:", "case !sl.heard:"}},
		pkg:   "server", test: "TestWhoMakesWay",
	},
	{
		name: "a handshake outlives its connection", file: "server/census.go",
		edits: []edit{{"if gone := p.awaited[e]; gone != nil && away {", "if gone := p.awaited[e]; gone != nil && false {"}},
		pkg:   "server", test: "TestHandshakeEndsWithItsConnection",
	},
	{
		name: "who says nothing has as long as who says something", file: "server/slots.go",
		edits: []edit{{"\tif !heard {\n", "\tif !heard && false {\n"}},
		pkg:   "server", test: "TestFirstByte",
	},
	{
		name: "suspended Ends count as peers", file: "server/census.go",
		edits: []edit{{"\t\tp.census.add(x, -1)\n", "\t\t_ = x\n"}},
		pkg:   "server", test: "TestPeersPerSource",
	},
	{
		name: "a resume waits for a handler as long as that hangs", file: "conn/resume_server.go",
		edits: []edit{{"late := m.await(old.joined)", "var late error\n\t<-old.joined"}},
		pkg:   "conn", test: "TestResumeGivesUp",
	},
	{
		name: "a session that waits keeps the buffers of its connection", file: "conn/lifetime.go",
		edits: []edit{{"\t\tl.carriers.newest.Store(c.husk())\n", ""}},
		pkg:   "conn", test: "TestBrokenHoldsNoCarrier",
	},
	{
		name: "sessions are evicted whatever their source", file: "internal/suspended/source.go",
		edits: []edit{{"if x, y := measure(a), measure(b); x != y {", "if x, y := measure(a), measure(b); false && x != y {"}},
		pkg:   "internal/suspended", test: "TestWhoGoes",
	},
	{
		name: "sessions that did nothing wait like others", file: "internal/suspended/trim.go",
		edits: []edit{{"if p.limits.Idle <= 0 || s.idle.n", "if true || s.idle.n"}},
		pkg:   "internal/suspended", test: "TestDidNothing",
	},
	{
		name: "one address suspends as many sessions as there is room for", file: "internal/suspended/trim.go",
		edits: []edit{{"if limit := p.limits.PerSource; limit > 0 {", "if limit := p.limits.PerSource; limit > 1<<30 {"}},
		pkg:   "server", test: "TestMadeAndDropped",
	},
	{
		name: "what waits is not looked at again", file: "internal/suspended/trim.go",
		edits: []edit{{"\t\t\tp.updateLocked(it.value)\n", ""}},
		pkg:   "internal/suspended", test: "TestGrows",
	},
}
