package conn

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, key: newKey(t)}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &a.key.PublicKey, a.key)
	if err == nil {
		a.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// sign returns a certificate of that name for key.
func (a *authority) sign(name string, key *ecdsa.PrivateKey) tls.Certificate {
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestResumePrincipal: a session is resumed by who made it, whatever else the client can prove.
func TestResumePrincipal(t *testing.T) {
	ca, foreign := newAuthority(t), newAuthority(t)
	key := newKey(t)
	first := ca.sign("alice", key)
	tests := []struct {
		name string
		auth tls.ClientAuthType
		cert []tls.Certificate
		ok   bool
	}{
		{"the same certificate", tls.RequireAndVerifyClientCert, []tls.Certificate{first}, true},
		{"a renewed one with a new key", tls.RequireAndVerifyClientCert, []tls.Certificate{ca.sign("alice", newKey(t))}, true},
		{"another name", tls.RequireAndVerifyClientCert, []tls.Certificate{ca.sign("bob", newKey(t))}, false},
		{"none", tls.VerifyClientCertIfGiven, nil, false},
		{"the same key, not verified", tls.RequireAnyClientCert, []tls.Certificate{foreign.sign("carol", key)}, true},
		{"the same name, not verified", tls.RequireAnyClientCert, []tls.Certificate{foreign.sign("alice", newKey(t))}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pool := x509.NewCertPool()
				pool.AddCert(ca.cert)
				stls := &tls.Config{Certificates: []tls.Certificate{ca.sign("server", newKey(t))}, ClientAuth: tt.auth, ClientCAs: pool}
				var server *Link
				done := make(chan error, 1)
				dial := func(cert []tls.Certificate) net.Conn {
					a, b := memnet.Pipe()
					go func() {
						l, resumed, err := Accept(context.Background(), tls.Server(b, stls), &Config{Logger: quiet, OnBroken: func(*Link, error) {},
							Find: func([16]byte) (*Link, error) { return server, nil }})
						if err == nil && !resumed {
							server = l
						}
						done <- err
					}()
					return tls.Client(a, &tls.Config{RootCAs: pool, ServerName: "server", Certificates: cert})
				}
				client, err := Client(t.Context(), dial([]tls.Certificate{first}), &Config{Logger: quiet, OnBroken: func(*Link, error) {}})
				if err = errors.Join(err, <-done); err != nil {
					t.Fatal(err)
				}
				ct, st := newTap(), newTap()
				client.Start(ct)
				server.Start(st)
				synctest.Wait()
				client.carrier().cut()
				synctest.Wait()
				err = client.Resume(t.Context(), dial(tt.cert))
				<-done
				var refused *RefusedError
				switch {
				case tt.ok && err != nil:
					t.Errorf("refused: %v", err)
				case !tt.ok && (!errors.As(err, &refused) || refused.Code != frame.Unauthenticated || refused.HasPosition):
					t.Errorf("got %v, want Unauthenticated", err)
				}
				client.Abort(errors.New("over"))
				server.Abort(errors.New("over"))
			})
		})
	}
}
