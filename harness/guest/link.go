package guest

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/rtnetlink"
)

// End is one end of a link between two machines or namespaces.
type End struct {
	Interface string   // its name, such as "veth1"
	IPv4      [4]byte  // its address, in a network with a prefix of 24 bits
	IPv6      [16]byte // its address, in a network with a prefix of 64 bits
}

// newEnd returns the end of a link with a number from 1 to 255. place, 1 or more, is the
// last byte of its addresses: 10.0.NUMBER.PLACE and fd00:0:0:NUMBER::PLACE.
func newEnd(kind string, number, place int) End {
	e := End{Interface: fmt.Sprint(kind, number), IPv4: [4]byte{10, 0, byte(number), byte(place)}}
	e.IPv6[0], e.IPv6[7], e.IPv6[15] = 0xfd, byte(number), byte(place)
	return e
}

// linkLimit is how long the kernel may take to bring up a link.
const linkLimit = time.Minute

// Join joins two namespaces by a pair of veth interfaces, and returns the end in n and
// the end in other. Both are up and have addresses, and packets pass. Each call makes
// another link; there may be 255 in a namespace. The kernel needs the module veth.
func (n *Namespace) Join(other *Namespace) (End, End) {
	n.tb.Helper()
	number := max(n.links, other.links) + 1
	if number > 255 {
		n.tb.Fatalf("join network namespaces %s and %s: there are 255 links", n.name, other.name)
	}
	n.links, other.links = number, number
	here, there := newEnd("veth", number, 1), newEnd("veth", number, 2)
	err := n.onNetlink(func(c *rtnetlink.Conn) error { return c.AddVeth(here.Interface, there.Interface, other.fd) })
	if errors.Is(err, unix.EOPNOTSUPP) {
		err = fmt.Errorf("%w; the kernel needs CONFIG_VETH", err)
	}
	steps := []func(*rtnetlink.Conn, End) error{
		func(c *rtnetlink.Conn, e End) error { return c.Raise(e.Interface, e.IPv4, e.IPv6) },
		func(c *rtnetlink.Conn, e End) error { return c.AwaitUp(e.Interface, e.IPv6, linkLimit) },
	}
	for _, step := range steps {
		if err == nil {
			err = n.onNetlink(func(c *rtnetlink.Conn) error { return step(c, here) })
		}
		if err == nil {
			err = other.onNetlink(func(c *rtnetlink.Conn) error { return step(c, there) })
		}
	}
	if err != nil {
		n.tb.Fatalf("join network namespaces %s and %s: %v", n.name, other.name, err)
	}
	return here, there
}

// onNetlink calls f with a socket of the namespace.
func (n *Namespace) onNetlink(f func(*rtnetlink.Conn) error) (err error) {
	n.Run(func() {
		var conn *rtnetlink.Conn
		if conn, err = rtnetlink.Open(); err == nil {
			defer conn.Close()
			err = f(conn)
		}
	})
	return err
}
