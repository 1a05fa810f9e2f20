package mutants

// oddMutants are mistakes in what a peer may repeat for nothing.
var oddMutants = []mutant{
	{
		name: "no budget for oddities", file: "internal/oddity/oddity.go",
		edits: []edit{{"b.n[k]++; b.n[k] > limits[k].max", "b.n[k] > limits[k].max"}},
		pkg:   "mux", test: "TestFloods",
	},
	{
		name: "late frames are never free", file: "mux/odd.go",
		edits: []edit{{"if s.idle.Take(s.l.Appended()) {", "if s.idle.Take(0) {"}},
		pkg:   "mux", test: "TestLateFrames",
	},
	{
		name: "late frames are always free", file: "mux/odd.go",
		edits: []edit{{"if s.idle.Take(s.l.Appended()) {", "if s.idle.Take(s.l.Appended()); true {"}},
		pkg:   "mux", test: "TestFloods",
	},
	{
		name: "unknown sequenced frames are not counted", file: "conn/recv.go",
		edits: []edit{{"odd = l.Charge(oddity.Odd, \"one of an unknown type\")", "_ = l.Charge(oddity.Odd, \"one of an unknown type\")"}},
		pkg:   "conn", test: "TestFloods",
	},
	{
		name: "the oldest tombstone goes, whoever has most", file: "internal/sessions/graves.go",
		edits: []edit{{"g.clear(g.most[0].first)", "g.clear(g.first)"}},
		pkg:   "internal/sessions", test: "TestGravesFlood",
	},
	{
		name: "no throttle for lines of the log", file: "internal/throttle/throttle.go",
		edits: []edit{{"if k.free.Add(pause).Sub(now) > whole {", "if false {"}},
		pkg:   "server", test: "TestLogFlood",
	},
	{
		name: "a panic's value is not cut", file: "internal/throttle/cut.go",
		edits: []edit{{"return cut(fmt.Sprint(v.v), maxPanic)", "return v.v"}},
		pkg:   "internal/throttle", test: "TestPanicked",
	},
	{
		name: "lines that were left out are not counted", file: "internal/throttle/throttle.go",
		edits: []edit{{"k.omitted += 1 + s.omitted", "k.omitted += s.omitted"}},
		pkg:   "internal/throttle", test: "TestThrottle",
	},
	{
		name: "a peer that acknowledges nothing has until its next frame", file: "conn/heartbeat.go",
		edits: []edit{{"l.send.ackAt+int64(l.cfg.AckTimeout)/2 {", "l.send.ackAt+int64(l.cfg.AckTimeout) {"}},
		pkg:   "conn", test: "TestNoAcks",
	},
	{
		name: "a wrong checksum is not noticed", file: "frame/record.go",
		edits: []edit{{"if got := be.Uint32(record); got != sum {", "if got := be.Uint32(record); false {"}},
		pkg:   ".", test: "TestChecksumFlips",
	},
	{
		name: "a wrong checksum ends the session", file: "conn/sums.go",
		edits: []edit{{"return s.c.giveUp(ErrChecksum)", "return err"}},
		pkg:   "conn", test: "TestSumsBroken",
	},
	{
		name: "each record begins with the same sum", file: "conn/sums.go",
		edits: []edit{{"w.sum = frame.PutRecord(", "frame.PutRecord("}},
		pkg:   "conn", test: "TestSumWriter",
	},
	{
		name: "a client that wants checksums goes without", file: "conn/sums.go",
		edits: []edit{{"offered&frame.FeatureWantSums != 0 &&", "false &&"}},
		pkg:   "conn", test: "TestSumsRefused",
	},
}
