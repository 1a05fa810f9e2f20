package frame

import "slices"

// MessageBlock is the size of a message's metadata block without metadata of the application's. It has the id and the
// mark of a copy.
const MessageBlock = 3 + len(MetaID) + 16 + 3 + len(MetaRedelivered) + 1

// AppendMessage appends the metadata block of a message to an empty b. It has the id, which is 16 bytes, the mark of a copy
// if the message may be one, and the application's metadata.
//
// What leaves no room for the mark is refused even without it, because the message may be published again. The error
// is that of AppendPairs.
func AppendMessage(b []byte, id []byte, redelivered bool, m map[string][]string) ([]byte, error) {
	b = AppendMetadata(b, MetaID, id)
	if len(m) == 0 && !redelivered {
		return b, nil
	}
	at := len(b)
	b = appendRedelivered(b)
	size := len(b) - at
	b, err := AppendPairs(b, m)
	if err == nil && !redelivered {
		b = slices.Delete(b, at, at+size)
	}
	return b, err
}

// Redelivered returns the metadata block of a message with the mark of a copy in it. That is block, or a new one.
func Redelivered(block []byte) []byte {
	if _, ok := MetadataValue(block, MetaRedelivered); ok {
		return block
	}
	return append(appendRedelivered(make([]byte, 0, len(block)+MessageBlock)), block...)
}

func appendRedelivered(b []byte) []byte { return AppendMetadata(b, MetaRedelivered, []byte{1}) }
