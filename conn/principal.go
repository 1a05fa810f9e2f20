package conn

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"net"
)

// principal is whom a TLS client's certificate names. A session belongs to it, so a
// thief of the session's secret would still need the certificate.
type principal struct {
	key      [32]byte // SHA-256 of the public key
	name     [32]byte // SHA-256 of subject and alternative names
	verified bool     // by a certificate authority that the server trusts
}

// principalOf returns nil for a client without a certificate.
func principalOf(nc net.Conn) *principal {
	t, ok := nc.(interface{ ConnectionState() tls.ConnectionState })
	if !ok {
		return nil
	}
	s := t.ConnectionState()
	if len(s.PeerCertificates) == 0 {
		return nil
	}
	leaf := s.PeerCertificates[0]
	return &principal{
		key:      sha256.Sum256(leaf.RawSubjectPublicKeyInfo),
		name:     nameOf(leaf),
		verified: len(s.VerifiedChains) > 0,
	}
}

// nameOf hashes the names in a certificate.
func nameOf(c *x509.Certificate) [32]byte {
	var b bytes.Buffer
	add := func(kind byte, p []byte) {
		b.WriteByte(kind)
		b.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p))))
		b.Write(p)
	}
	add(0, c.RawSubject)
	for _, s := range c.DNSNames {
		add(1, []byte(s))
	}
	for _, s := range c.EmailAddresses {
		add(2, []byte(s))
	}
	for _, ip := range c.IPAddresses {
		add(3, ip.To16())
	}
	for _, u := range c.URIs {
		add(4, []byte(u.String()))
	}
	return sha256.Sum256(b.Bytes())
}

// owns reports whether other may resume a session of p. It may with the same key or,
// as certificates are renewed, with the same names by authorities that the server
// trusts. A session made without a certificate asks for none.
func (p *principal) owns(other *principal) bool {
	switch {
	case p == nil:
		return true
	case other == nil:
		return false
	}
	return p.key == other.key || p.verified && other.verified && p.name == other.name
}
