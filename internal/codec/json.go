package codec

import "encoding/json"

// JSON is encoding/json. scanJSON reads each body first.
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
	elements, err := scanJSON(body)
	if err != nil {
		return err
	}
	defer recoverCodec(c.Name(), &err)
	if err = jsonRules.check(body, elements, v, (*roomWalk).json); err != nil {
		return err
	}
	return json.Unmarshal(body, v)
}
