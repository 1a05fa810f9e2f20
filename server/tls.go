package server

import (
	"crypto/tls"
	"fmt"

	"github.com/gantline-project/gantline"
)

// ALPN is the protocol's name in TLS: what both sides offer in tls.Config.NextProtos. WithTLS sets it; it is
// exported for programs with a listener of their own that does TLS.
const ALPN = "gantline/1"

// serverTLS returns our copy of cfg, nil for nil.
func serverTLS(cfg *tls.Config) (*tls.Config, error) {
	if cfg == nil {
		return nil, nil
	}
	if len(cfg.Certificates) == 0 && cfg.GetCertificate == nil && cfg.GetConfigForClient == nil {
		return nil, invalid("tls.Config has no certificate: set Certificates, GetCertificate or GetConfigForClient")
	}
	cfg, err := harden(cfg)
	if err != nil {
		return nil, err
	}
	if inner := cfg.GetConfigForClient; inner != nil {
		cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			c, err := inner(hello)
			if c == nil || err != nil {
				return nil, err
			}
			return harden(c)
		}
	}
	return cfg, nil
}

// harden returns a copy of cfg that accepts our protocol only.
func harden(cfg *tls.Config) (*tls.Config, error) {
	if v := cfg.MaxVersion; v != 0 && v < tls.VersionTLS13 {
		return nil, invalid("tls.Config.MaxVersion is %s: want TLS 1.3 or later, or 0", tls.VersionName(v))
	}
	cfg = cfg.Clone()
	cfg.MinVersion = max(cfg.MinVersion, tls.VersionTLS13)
	cfg.NextProtos = []string{ALPN}
	return cfg, nil
}

func invalid(format string, args ...any) error {
	return &gantline.Error{Code: gantline.InvalidArgument, Message: fmt.Sprintf(format, args...)}
}
