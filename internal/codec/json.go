package codec

import "encoding/json"

// JSON is encoding/json. Its decoder stops at 10,000 levels of nesting and refuses bytes after the
// value by itself.
type JSON struct{}

func (JSON) ID() uint8    { return JSONID }
func (JSON) Name() string { return "JSON" }

func (c JSON) Append(b []byte, v any) (out []byte, err error) {
	defer recoverCodec(c.Name(), &err)
	body, err := json.Marshal(v)
	if err != nil {
		return b, err
	}
	if len(b) == 0 && cap(b) < len(body) {
		return body, nil
	}
	return append(b, body...), nil
}

func (c JSON) Unmarshal(body []byte, v any) (err error) {
	defer recoverCodec(c.Name(), &err)
	return json.Unmarshal(body, v)
}
