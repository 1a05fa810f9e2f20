package gantline

import "encoding/json"

// jsonCodec is encoding/json. Its decoder stops at 10,000 levels of nesting and refuses bytes behind the
// value by itself.
type jsonCodec struct{}

func (jsonCodec) ID() uint8    { return codecJSON }
func (jsonCodec) Name() string { return "JSON" }

func (c jsonCodec) Append(b []byte, v any) (out []byte, err error) {
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

func (c jsonCodec) Unmarshal(body []byte, v any) (err error) {
	defer recoverCodec(c.Name(), &err)
	return json.Unmarshal(body, v)
}
