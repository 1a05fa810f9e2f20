package conn

import (
	"time"

	"github.com/gantline-project/gantline/frame"
)

// A Peer is what the handshake said about the other side.
type Peer struct {
	ID        string        // the server's id, or the client's: claimed or assigned
	Assigned  bool          // on a server: the client claimed no id
	Meta      []byte        // for the application
	Auth      []byte        // a client's token; nil on a client
	Codecs    []byte        // body codecs a client understands; nil on a client
	Limits    frame.Limits  // what it announced
	Version   uint8         // of the protocol, agreed
	Features  uint32        // agreed: frame.FeatureBound, frame.FeatureSums
	Heartbeat time.Duration // used here: the smaller of both sides'
	Expiry    time.Duration // agreed: the smaller of both sides'
	Session   [16]byte      // id of the session, chosen by the server; zero before WELCOME
}
