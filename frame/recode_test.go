package frame

import (
	"errors"
	"fmt"
)

// recoder parses a payload and encodes the result.
type recoder func(p []byte) ([]byte, error)

func recoderOf[T any](parse func([]byte) (T, error), enc func([]byte, *T) []byte) recoder {
	return func(p []byte) ([]byte, error) {
		x, err := parse(p)
		if err != nil {
			return nil, err
		}
		return enc(nil, &x), nil
	}
}

var recoders = map[Type]recoder{
	TypeHello:     recoderOf(ParseHello, AppendHello),
	TypeWelcome:   recoderOf(ParseWelcome, AppendWelcome),
	TypeChallenge: recoderOf(ParseChallenge, AppendChallenge),
	TypeProof:     recoderOf(ParseProof, AppendProof),
	TypeRefuse:    recoderOf(ParseRefuse, AppendRefuse),
	TypePing:      recoderOf(ParsePing, AppendPing),
	TypePong:      recoderOf(ParsePing, AppendPing),
	TypeAck:       recoderOf(ParseAck, byPtr(AppendAck)),
	TypeBye:       recoderOf(ParseBye, AppendBye),
	TypeOpen:      recoderOf(ParseOpen, AppendOpen),
	TypeCredit:    recoderOf(ParseCredit, byPtr(AppendCredit)),
	TypeReset:     recoderOf(ParseReset, AppendReset),
	TypeStop:      recoderOf(ParseStop, AppendStop),
	TypeDrain:     recoderOf(ParseDrain, AppendDrain),
	TypeSettings:  recoderOf(ParseSettings, AppendSettings),
	TypeData:      recoderOf(parseData, appendData),
}

// recode parses the payload of a frame and encodes it again. An empty HEAD
// payload stays empty; all other forms have one encoding.
func recode(h Header, p []byte) ([]byte, error) {
	if h.Type == TypeData && h.Flags&FlagHead != 0 {
		if len(p) == 0 {
			_, _, err := ParseHead(p)
			return nil, err
		}
		head, body, err := ParseHead(p)
		if err != nil {
			return nil, err
		}
		return append(AppendHead(nil, &head), body...), nil
	}
	f := recoders[h.Type]
	if f == nil {
		return nil, fmt.Errorf("no codec for %v", h.Type)
	}
	return f(p)
}

func isError(err error) bool {
	var e *Error
	return errors.As(err, &e)
}
