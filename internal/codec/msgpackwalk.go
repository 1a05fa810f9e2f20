package codec

// msgpack counts the value that comes next, which is decoded into an s. The body has passed scanMsgpack.
func (w *roomWalk) msgpack(s *shape) {
	c := w.b[w.i]
	h, err := parseMsgpackHead(w.b, w.i)
	if err != nil {
		return
	}
	w.i = h.next
	if c != 0xc0 { // nil leaves pointers alone
		s = w.into(s)
	}
	switch {
	case c >= 0x90 && c <= 0x9f, c == 0xdc, c == 0xdd:
		elem, was := skipped, w.each
		switch s.form {
		case slice, array, anything:
			elem = s.elem
		case record: // the fields in their order: whatever they are
			w.size += s.embedded
			w.each = w.worstElement(s)
		}
		w.size += h.children * w.each
		for range h.children {
			w.msgpack(elem)
		}
		w.listed(s, h.children)
		w.each = was
	case c >= 0x80 && c <= 0x8f, c == 0xde, c == 0xdf:
		w.size += h.children * w.each
		for range h.children / 2 {
			elem := skipped
			switch s.form {
			case mapping, anything:
				w.msgpack(s.key)
				elem = s.elem
			default:
				key, err := parseMsgpackHead(w.b, w.i)
				if err != nil {
					return
				}
				if s.form == record {
					elem = w.field(s, w.b[key.payload:key.next])
				}
				w.msgpack(skipped)
			}
			w.msgpack(elem)
		}
		w.paired(s, h.children/2)
	}
}
