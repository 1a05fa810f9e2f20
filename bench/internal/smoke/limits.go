package smoke

// scenarios are the limits. Each comment gives today's figure, on two cores beside other work. The limit lies
// between that and twice that, so that a regression of 2 x shows and a busy machine does not. Allocations and system
// calls per operation hardly depend on the machine's load, CPU time little, rates and times much. The last have the
// widest margins, and the best of up to six rounds counts.
var scenarios = []scenario{
	{"streams", "bulk-1", []limit{
		{"mbps", true, false, .6},     // 1.3 to 1.6
		{"cpu_s_gb", true, true, 1.4}, // 0.6 to 0.75
		{"allocs", false, true, .1},   // 0.003 per write
		{"syscalls", false, true, 2},  // 1.0 per write of 32 KiB, both ends
	}},
	{"streams", "ping", []limit{
		{"p50_us", true, true, 2.2},  // 1.2
		{"cpu_us", true, true, 2.2},  // 1.2
		{"allocs", false, true, .1},  // 0.002 per round trip
		{"syscalls", false, true, 9}, // 6 per round trip, both ends; raw has 6 too
	}},
	{"streams", "small-8", []limit{
		{"writes", true, false, 2},    // 5 to 15
		{"cpu_us", true, true, .4},    // 0.07 to 0.15
		{"syscalls", false, true, .1}, // 0.01 per write
	}},
	{"streams", "open", []limit{
		{"streams", true, false, 8}, // 20 to 36
		{"allocs", false, true, 9},  // 5 per stream, both ends
	}},
	{"calls", "call-1", []limit{
		{"p50_us", true, true, 2.3}, // 1.26
		{"allocs", false, true, 6},  // 3 per call, both ends
	}},
	{"calls", "call-64", []limit{
		{"rate", true, false, 1.2},    // 2.5 to 5.3
		{"cpu_us", true, true, .45},   // 0.2 to 0.25
		{"allocs", false, true, 6},    // 3
		{"syscalls", false, true, .8}, // 0.2 per call
	}},
	{"messages", "flight-64", []limit{
		{"rate", true, false, 2.5},    // 6.8
		{"cpu_us", true, true, .35},   // 0.17
		{"allocs", false, true, 8},    // 4 per message, both ends
		{"syscalls", false, true, .5}, // 0.1 per message
	}},
}
