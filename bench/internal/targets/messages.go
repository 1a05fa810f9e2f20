package targets

import (
	"slices"

	"github.com/gantline-project/gantline/bench/internal/trial"
)

// The targets of messages. Rates were set where raw made a round trip in 4463 ns on average.
var messageTargets = []target{
	{table: "messages", scenario: "sync", words: "p50", key: "p50_us", most: true, limit: 1.7, of: trial.Raw},
	{table: "messages", scenario: "flight-64", words: "messages/s", key: "rate", limit: 1.5e6, unit: "/s", then: rawTrips},
	{table: "messages", scenario: "flight-1024", words: "messages/s", key: "rate", limit: 2e6, unit: "/s", then: rawTrips},
	{table: "messages", scenario: "large", words: "messages/s", key: "rate", limit: 80e3, unit: "/s"},
}

var messageKnowns = slices.Concat(
	knownRow("messages", "sync", "p50_us", true, 4.3, map[string]float64{"nats": 18, "jetstream": 13, "jetstream-file": 13, "nsq": 10, "mqtt": 12}),
	knownRow("messages", "flight-64", "rate", false, rawTrips, map[string]float64{"nats": 479e3, "jetstream": 187e3, "jetstream-file": 216e3, "nsq": 151e3, "mqtt": 118e3}),
	knownRow("messages", "flight-1024", "rate", false, rawTrips, map[string]float64{"nats": 705e3, "jetstream": 222e3, "jetstream-file": 319e3, "nsq": 185e3, "mqtt": 127e3}),
)
