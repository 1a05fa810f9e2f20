package mutants

// flightMutants are mistakes in what follows our exchanges to their outcome, and in the step to the next session.
var flightMutants = []mutant{
	{
		name: "a flight that was given up is used again", file: "internal/flight/flight.go",
		edits: []edit{{"\tif !f.Reusable {\n\t\treturn\n\t}\n", ""}},
		pkg:   "internal/flight", test: "TestForgotten",
	},
	{
		name: "a waiter that was given up is used again", file: "internal/flight/waiter.go",
		edits: []edit{{"\tif !f.Reusable {\n\t\treturn\n\t}\n", ""}},
		pkg:   "internal/flight", test: "TestWaiter",
	},
	{
		name: "a flight joins a group after its outcome", file: "internal/flight/watch.go",
		edits: []edit{{"\tdefer w.mu.Unlock()\n\tif f.left {\n\t\treturn\n\t}\n", "\tdefer w.mu.Unlock()\n"}},
		pkg:   "internal/flight", test: "TestWatchAnsweredFirst",
	},
	{
		name: "a context that ends while a flight starts does not give it up", file: "internal/flight/watch.go",
		edits: []edit{{"\t\tf.cancel(ctx) // its starter holds it\n", ""}},
		pkg:   "internal/flight", test: "TestWatchEnded",
	},
	{
		name: "a registration with a context that is not used any more stays", file: "internal/flight/watch.go",
		edits: []edit{{"\tif g.first == nil && g != w.last && g.stop != nil {", "\tif false {"}},
		pkg:   "internal/flight", test: "TestWatchShares",
	},
	{
		name: "the memory of a body is free while it is sent", file: "internal/flight/flight.go",
		edits: []edit{{"\tf.Buffer.hold()\n", ""}},
		pkg:   "internal/flight", test: "TestBufferHeld",
	},
	{
		name: "a call on a stream goes on in a session that does not have the stream", file: "end_session.go",
		edits: []edit{{"if st.ses != nil || !e.line.LostOn(s, err) || ", "if !e.line.LostOn(s, err) || "}},
		pkg:   ".", test: "TestFreshKeeps",
	},
	{
		name: "a call that may have run is said not to be sent", file: "end_session.go",
		edits: []edit{{"e.waited(ctx, how, errors.Is(err, ErrUnknownOutcome), name)", "e.waited(ctx, how, false, name)"}},
		pkg:   ".", test: "TestFreshIdempotentWait",
	},
}
