package mutants

// all returns every mutant.
func all() []mutant {
	var ms []mutant
	for _, t := range [][]mutant{resumeMutants, boundMutants, goodbyeMutants, sessionsMutants, linkMutants, muxMutants, rootMutants, flightMutants, serveMutants, insideMutants, outageMutants, depthMutants, failoverMutants, againMutants, movedMutants, admissionMutants, oddMutants, heldMutants} {
		ms = append(ms, t...)
	}
	return ms
}
