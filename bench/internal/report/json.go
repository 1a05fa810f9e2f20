package report

import (
	"encoding/json"
	"io"

	"github.com/gantline-project/gantline/bench/internal/batch"
)

// JSON writes doc with every repetition.
func JSON(w io.Writer, docs ...*batch.Document) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(docs)
}
