package mutants

// serveMutants are mistakes in when a call runs, in what the sides know of each other's methods, and in how the
// messages of a streaming call travel.
var serveMutants = []mutant{
	{
		name: "a call that is cancelled just before it is queued stays in the queue", file: "internal/work/item.go",
		edits: []edit{{"it.Claimed() && it.unlink() != nil", "false"}},
		pkg:   "internal/work", test: "TestClaimedJustBeforeItWasQueued",
	},
	{
		name: "a notify that is refused at its gate stops those after it", file: "internal/work/item.go",
		edits: []edit{{"\t\to.advance(it).Go()\n", "\t\to.advance(nil).Go()\n"}},
		pkg:   "internal/work", test: "TestWork",
	},
	{
		name: "a handler that ends its goroutine keeps its places", file: "internal/work/item.go",
		edits: []edit{{"\t\tif !returned { // Serve", "\t\tif !returned && false { // Serve"}},
		pkg:   "internal/work", test: "TestWork",
	},
	{
		name: "a parked call waits longer with each later one", file: "internal/work/parking.go",
		edits: []edit{{"if len(p.waiting) == 1 {", "{"}},
		pkg:   "internal/work", test: "TestParking",
	},
	{
		name: "a call is cancelled while it is parked, and stays", file: "rpc_serve.go",
		edits: []edit{{"\tsv.sc.parked.Drop(&sv.item)\n", ""}},
		pkg:   ".", test: "TestScopeWaitCancelled",
	},
	{
		name: "what a call has found changes with later middleware", file: "internal/methods/handlers.go",
		edits: []edit{{"\tc := *r\n\tc.Handler = t.wrapLocked(r.plain)\n\treturn &c\n", "\tr.Handler = t.wrapLocked(r.plain)\n\treturn r\n"}},
		pkg:   "internal/methods", test: "TestUse",
	},
	{
		name: "a new session gets only what changes in our methods", file: "internal/methods/announcer.go",
		edits: []edit{{"\t\ta.announced, a.announcedTo = nil, to\n", "\t\ta.announcedTo = to\n"}},
		pkg:   "internal/methods", test: "TestAnnouncer",
	},
	{
		name: "a peer makes us remember as many methods as it likes", file: "internal/methods/mirror.go",
		edits: []edit{{"case len(m.known) >= MaxMirrored:", "case false:"}},
		pkg:   "internal/methods", test: "TestMirrorFull",
	},
	{
		name: "a message is allocated when it is announced", file: "internal/msgio/reader.go",
		edits: []edit{{"min(r.size, max(smallPart, min(partGrowth*(r.to-r.at), firstPart)))", "r.size"}},
		pkg:   "internal/msgio", test: "TestAnnounced",
	},
	{
		name: "a deadline inside a length begins it anew", file: "internal/msgio/reader.go",
		edits: []edit{{"\t\tif r.have += n; r.have < headerLen && err != nil {\n", "\t\tif r.have += n; r.have < headerLen && err != nil {\n\t\t\tr.have = 0\n"}},
		pkg:   "internal/msgio", test: "TestDeadline",
	},
}
