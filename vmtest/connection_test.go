package vmtest

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
)

// A connection is a socket that listens, one that has connected to it, and the
// one by which it has accepted that.
type connection struct{ listener, client, accepted socket }

// connect makes a connection through the loopback device. A socket of IPv6
// listens for IPv4 as well, and one that connects to IPv4 does so by a mapped
// address.
func connect(t *testing.T, listening, connecting protocol) connection {
	t.Helper()
	c := connection{listener: listening.open(t), client: connecting.open(t)}
	port := c.listener.bind(t, listening.domain)
	if err := unix.Listen(c.listener.fd, 1); err != nil {
		t.Fatalf("listen: %v", err)
	}
	if err := unix.Connect(c.client.fd, loopback(listening.domain, connecting.domain, port)); err != nil {
		t.Fatalf("connect: %v", err)
	}
	fd, _, err := unix.Accept4(c.listener.fd, unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatalf("accept: %v", err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	c.accepted = socket{fd}
	return c
}

// bind binds a socket to a port of the loopback device, which it returns.
func (s socket) bind(t *testing.T, domain int) int {
	t.Helper()
	address := unix.Sockaddr(&unix.SockaddrInet6{}) // all, those of IPv4 too
	if domain == unix.AF_INET {
		address = loopback(domain, domain, 0)
	}
	if err := unix.Bind(s.fd, address); err != nil {
		t.Fatalf("bind: %v", err)
	}
	address, err := unix.Getsockname(s.fd)
	if err != nil {
		t.Fatalf("ask for the port: %v", err)
	}
	if address, ok := address.(*unix.SockaddrInet6); ok {
		return address.Port
	}
	return address.(*unix.SockaddrInet4).Port
}

// loopback is the address of the loopback device at which a socket of one
// domain reaches one of another.
func loopback(to, from, port int) unix.Sockaddr {
	v4 := [4]byte{127, 0, 0, 1}
	switch {
	case from == unix.AF_INET:
		return &unix.SockaddrInet4{Port: port, Addr: v4}
	case to == unix.AF_INET:
		return &unix.SockaddrInet6{Port: port, Addr: [16]byte{10: 0xff, 11: 0xff, 12: 127, 15: 1}}
	}
	return &unix.SockaddrInet6{Port: port, Addr: [16]byte{15: 1}}
}

// ofFallenBackMPTCP is what an MPTCP socket answers whose peer knows TCP alone.
var ofFallenBackMPTCP = []answer{
	{why: "mptcp_setsockopt hands options down to a subflow that fell back to TCP"},
	{
		version{5, 13},
		unix.ENOPROTOOPT, nil,
		"mptcp_supported_sockopt does not list a set, and mptcp_getsockopt asks the subflow that fell back to TCP",
	},
}

// Whatever has become of a socket, its calls reach the module: bound, connected,
// accepted or dead, and also if IPv4 has come to a socket of IPv6.
func TestSocketsInEveryStateReachTheModule(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) socket{
		"UDP that is bound": func(t *testing.T) socket {
			s := udpSocket.open(t)
			s.bind(t, unix.AF_INET)
			return s
		},
		"UDP that is connected": func(t *testing.T) socket { return dialUDP(t, udpSocket, unix.AF_INET) },
		"IPv6 UDP that is connected to IPv4": func(t *testing.T) socket {
			return dialUDP(t, udp6Socket, unix.AF_INET)
		},
		"TCP that listens":               func(t *testing.T) socket { return connect(t, tcpSocket, tcpSocket).listener },
		"TCP that is connected":          func(t *testing.T) socket { return connect(t, tcpSocket, tcpSocket).client },
		"TCP that was accepted":          func(t *testing.T) socket { return connect(t, tcpSocket, tcpSocket).accepted },
		"IPv6 TCP connected to IPv4":     func(t *testing.T) socket { return connect(t, tcpSocket, tcp6Socket).client },
		"IPv6 TCP that accepted of IPv4": func(t *testing.T) socket { return connect(t, tcp6Socket, tcpSocket).accepted },
		"IPv6 TCP made one of IPv4": func(t *testing.T) socket {
			s := connect(t, tcpSocket, tcp6Socket).client
			if err := unix.SetsockoptInt(s.fd, unix.SOL_IPV6, unix.IPV6_ADDRFORM, unix.AF_INET); err != nil {
				t.Fatalf("make a socket one of IPv4: %v", err)
			}
			return s
		},
		"TCP that is shut down": func(t *testing.T) socket {
			s := connect(t, tcpSocket, tcpSocket).client
			if err := unix.Shutdown(s.fd, unix.SHUT_RDWR); err != nil {
				t.Fatalf("shut down: %v", err)
			}
			return s
		},
		"TCP whose peer is gone": func(t *testing.T) socket { return deserted(t, false) },
		"TCP that was reset":     func(t *testing.T) socket { return deserted(t, true) },
		"TCP whom nobody heard": func(t *testing.T) socket {
			s := tcpSocket.open(t)
			wantErrno(t, unix.Connect(s.fd, loopback(unix.AF_INET, unix.AF_INET, 1)), unix.ECONNREFUSED, "connect to nobody")
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			guest.NewNetworkNamespace(t)
			wantAnswer(t, open(t), reached)
		})
	}
}

// dialUDP opens a socket that is connected to a port of a domain where nobody is.
func dialUDP(t *testing.T, p protocol, to int) socket {
	t.Helper()
	s := p.open(t)
	if err := unix.Connect(s.fd, loopback(to, p.domain, 1)); err != nil {
		t.Fatalf("connect: %v", err)
	}
	return s
}

// deserted is a socket whose peer has closed, in good order or with a reset.
func deserted(t *testing.T, reset bool) socket {
	t.Helper()
	c := connect(t, tcpSocket, tcpSocket)
	if reset {
		if err := unix.SetsockoptLinger(c.accepted.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
			t.Fatalf("let close be a reset: %v", err)
		}
	}
	// The number stays in use until cleanup closes it.
	if err := unix.Dup3(c.listener.fd, c.accepted.fd, unix.O_CLOEXEC); err != nil {
		t.Fatalf("close the peer: %v", err)
	}
	if events := poll(t, c.client.fd, time.Now().Add(patience), "the peer's end"); (events&unix.POLLERR != 0) != reset {
		t.Fatalf("the peer has closed, with a reset %v: got events %#x", reset, events)
	}
	return c.client
}

// An MPTCP socket answers as TCP does in part, once its peer turned out to know
// TCP alone; what an MPTCP socket accepts of such a peer is a TCP socket.
func TestConnectedMPTCPReachesTheModuleInPart(t *testing.T) {
	for _, c := range []struct {
		name    string
		open    func(t *testing.T) socket
		answers []answer
	}{
		{"listens", func(t *testing.T) socket { return connect(t, mptcpSocket, mptcpSocket).listener }, ofMPTCP},
		{"is connected to MPTCP", func(t *testing.T) socket { return connect(t, mptcpSocket, mptcpSocket).client }, ofMPTCP},
		{"was accepted of MPTCP", func(t *testing.T) socket { return connect(t, mptcpSocket, mptcpSocket).accepted }, ofMPTCP},
		{"is connected to TCP", func(t *testing.T) socket { return connect(t, tcpSocket, mptcpSocket).client }, ofFallenBackMPTCP},
		{"was accepted of TCP", func(t *testing.T) socket { return connect(t, mptcpSocket, tcpSocket).accepted }, reached},
	} {
		t.Run(c.name, func(t *testing.T) {
			guest.NewNetworkNamespace(t)
			if _, known := mptcpSocket.openIfKnown(t, "MPTCP"); known {
				wantAnswer(t, c.open(t), c.answers)
			}
		})
	}
}
