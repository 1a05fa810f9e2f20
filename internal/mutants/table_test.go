package mutants

// all returns every mutant.
func all() []mutant {
	var ms []mutant
	for _, t := range [][]mutant{resumeMutants, goodbyeMutants, sessionsMutants, linkMutants, muxMutants, rootMutants, flightMutants, serveMutants, insideMutants, failoverMutants} {
		ms = append(ms, t...)
	}
	return ms
}
