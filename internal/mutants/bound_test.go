package mutants

// boundMutants are mistakes in what ties a session to its TLS.
var boundMutants = []mutant{
	{
		name: "the server does not compare what the client sees", file: "conn/bound.go",
		edits: []edit{{"case hello.Exporter != sha256.Sum256(v.exported):", "case false:"}},
		pkg:   "conn", test: "TestBound",
	},
	{
		name: "proofs do not cover the exporter", file: "conn/proof.go",
		edits: []edit{{"m.Write(saw.exported)", "_ = saw.exported"}},
		pkg:   "conn", test: "TestBoundProofElsewhere",
	},
	{
		name: "a client without TLS makes a plain proof", file: "conn/proof.go",
		edits: []edit{{"if saw.exported == nil {", "if false {"}},
		pkg:   "conn", test: "TestBound",
	},
	{
		name: "a resume says itself whether it is bound", file: "conn/resume_server.go",
		edits: []edit{{"\twant, err := l.proof(", "\tl.keys.bound = hello.Features&frame.FeatureBound != 0\n\twant, err := l.proof("}},
		pkg:   "internal/vectors", test: "TestExporter",
	},
	{
		name: "the secret does not depend on the handshake", file: "conn/proof.go",
		edits: []edit{{"\th.Write(hello)\n\th.Write(welcome)\n", ""}},
		pkg:   "conn", test: "TestBoundFirstMeddled",
	},
	{
		name: "nothing says that a session is not bound", file: "conn/bound.go",
		edits: []edit{{"if !l.keys.bound && why != \"\" {", "if false {"}},
		pkg:   "conn", test: "TestBound",
	},
	{
		name: "a resume keeps a token that leaves no room for the proof", file: "conn/resume_client.go",
		edits: []edit{{"if hello.Validate() != nil {", "if false {"}},
		pkg:   "conn", test: "TestResumeLargeToken",
	},
}
