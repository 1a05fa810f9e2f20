package frame

import "hash/crc32"

// A record is a part of the bytes of a carrier with a checksum before it. Where both sides have agreed on
// FeatureSums, all bytes after the handshake travel in records:
//
//	sum     u32   CRC-32C of everything below, and of all records before it
//	length  u24   of the data, 1 .. MaxRecord
//	check   u8    the exclusive or of the three bytes of length and A5
//	data
//
// The sum goes on from one record to the next, so a record that is missing, doubled or out of place is found as well.
const (
	RecordLen = 8        // of the header
	MaxRecord = 64 << 10 // most data in one
)

// recordCheck makes the check of length 0 no 0.
const recordCheck = 0xA5

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// PutRecord writes the header of a record to head, which has RecordLen bytes. The data are parts, n bytes in all. sum is
// that of the record before, or what the two sides begin with; PutRecord returns this one's.
func PutRecord(head []byte, sum uint32, n int, parts ...[]byte) uint32 {
	_ = head[RecordLen-1]
	be.PutUint32(head[4:], uint32(n)<<8|uint32(checkOf(n)))
	sum = crc32.Update(sum, castagnoli, head[4:RecordLen])
	for _, p := range parts {
		sum = crc32.Update(sum, castagnoli, p)
	}
	be.PutUint32(head, sum)
	return sum
}

// AppendRecord appends a record with data, which has 1 to MaxRecord bytes, and returns its sum too.
func AppendRecord(b []byte, sum uint32, data []byte) ([]byte, uint32) {
	at := len(b)
	b = append(append(b, make([]byte, RecordLen)...), data...)
	return b, PutRecord(b[at:], sum, len(data), b[at+RecordLen:])
}

// RecordSize returns how many bytes of data follow the header that head begins with. A length that was changed on the way
// is found here, before anybody waits for as many bytes.
func RecordSize(head []byte) (int, error) {
	if len(head) < RecordLen {
		return 0, fail(0, "record", len(head), RecordLen, ErrShort)
	}
	n := int(be.Uint32(head[4:]) >> 8)
	if head[7] != checkOf(n) {
		return 0, fail(0, "record", head[7], checkOf(n), ErrBadSum)
	}
	if n == 0 || n > MaxRecord {
		return 0, fail(0, "record", n, MaxRecord, ErrBadValue)
	}
	return n, nil
}

// CheckRecord compares the sum in record, which is a whole one, with what it must be after sum. It returns the sum for
// the next one.
func CheckRecord(record []byte, sum uint32) (uint32, error) {
	sum = crc32.Update(sum, castagnoli, record[4:])
	if got := be.Uint32(record); got != sum {
		return 0, fail(0, "record", got, sum, ErrBadSum)
	}
	return sum, nil
}

// ParseRecord takes a record off b and returns its data, what follows it, and its sum.
func ParseRecord(b []byte, sum uint32) (data, rest []byte, next uint32, err error) {
	n, err := RecordSize(b)
	if err != nil {
		return nil, b, sum, err
	}
	if len(b) < RecordLen+n {
		return nil, b, sum, fail(0, "record", len(b), RecordLen+n, ErrShort)
	}
	if next, err = CheckRecord(b[:RecordLen+n], sum); err != nil {
		return nil, b, sum, err
	}
	return b[RecordLen : RecordLen+n], b[RecordLen+n:], next, nil
}

func checkOf(n int) byte { return byte(n>>16) ^ byte(n>>8) ^ byte(n) ^ recordCheck }
