package vmtest

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
)

// A connection is a listening socket, a client that is connected to it, and the
// socket that was accepted for the client.
type connection struct{ listener, client, accepted socket }

// connect creates a connection through the loopback device. An IPv6 socket also
// listens for IPv4, and one that connects to IPv4 uses a mapped address.
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

// bind binds a socket to a port of the loopback device, and returns the port.
func (s socket) bind(t *testing.T, domain int) int {
	t.Helper()
	address := unix.Sockaddr(&unix.SockaddrInet6{}) // all addresses, including IPv4
	if domain == unix.AF_INET {
		address = loopback(domain, domain, 0)
	}
	if err := unix.Bind(s.fd, address); err != nil {
		t.Fatalf("bind: %v", err)
	}
	address, err := unix.Getsockname(s.fd)
	if err != nil {
		t.Fatalf("get the port: %v", err)
	}
	if address, ok := address.(*unix.SockaddrInet6); ok {
		return address.Port
	}
	return address.(*unix.SockaddrInet4).Port
}

// loopback returns the loopback address with which a socket of domain from
// reaches a socket of domain to.
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

// ofFallenBackMPTCP is the answer of an MPTCP socket whose peer supports only TCP.
var ofFallenBackMPTCP = []answer{
	{why: "mptcp_setsockopt passes options to a subflow that fell back to TCP"},
	{
		version{5, 13},
		unix.ENOPROTOOPT, nil,
		"mptcp_supported_sockopt does not list the set, and mptcp_getsockopt passes options to the subflow that fell back to TCP",
	},
}

// Calls reach the module whatever the state of the socket: bound, connected,
// accepted or dead, and also on an IPv6 socket that uses IPv4.
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
		"TCP that listens":            func(t *testing.T) socket { return connect(t, tcpSocket, tcpSocket).listener },
		"TCP that is connected":       func(t *testing.T) socket { return connect(t, tcpSocket, tcpSocket).client },
		"TCP that was accepted":       func(t *testing.T) socket { return connect(t, tcpSocket, tcpSocket).accepted },
		"IPv6 TCP connected to IPv4":  func(t *testing.T) socket { return connect(t, tcpSocket, tcp6Socket).client },
		"IPv6 TCP accepted from IPv4": func(t *testing.T) socket { return connect(t, tcp6Socket, tcpSocket).accepted },
		"IPv6 TCP converted to IPv4": func(t *testing.T) socket {
			s := connect(t, tcpSocket, tcp6Socket).client
			if err := unix.SetsockoptInt(s.fd, unix.SOL_IPV6, unix.IPV6_ADDRFORM, unix.AF_INET); err != nil {
				t.Fatalf("convert a socket to IPv4: %v", err)
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
		"TCP whose peer is gone": func(t *testing.T) socket { return closedByPeer(t, false) },
		"TCP that was reset":     func(t *testing.T) socket { return closedByPeer(t, true) },
		"TCP that was refused": func(t *testing.T) socket {
			s := tcpSocket.open(t)
			wantErrno(t, unix.Connect(s.fd, loopback(unix.AF_INET, unix.AF_INET, 1)), unix.ECONNREFUSED, "connect to a port without a listener")
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			guest.NewNetworkNamespace(t)
			wantAnswer(t, open(t), reached)
		})
	}
}

// dialUDP opens a socket that is connected to a port without a listener.
func dialUDP(t *testing.T, p protocol, to int) socket {
	t.Helper()
	s := p.open(t)
	if err := unix.Connect(s.fd, loopback(to, p.domain, 1)); err != nil {
		t.Fatalf("connect: %v", err)
	}
	return s
}

// closedByPeer returns a socket whose peer has closed, normally or with a reset.
func closedByPeer(t *testing.T, reset bool) socket {
	t.Helper()
	c := connect(t, tcpSocket, tcpSocket)
	if reset {
		if err := unix.SetsockoptLinger(c.accepted.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
			t.Fatalf("set SO_LINGER, so that close sends a reset: %v", err)
		}
	}
	// The file descriptor stays in use until cleanup closes it.
	if err := unix.Dup3(c.listener.fd, c.accepted.fd, unix.O_CLOEXEC); err != nil {
		t.Fatalf("close the peer: %v", err)
	}
	if events := poll(t, c.client.fd, time.Now().Add(timeout), "the peer's end"); (events&unix.POLLERR != 0) != reset {
		t.Fatalf("peer has closed (with a reset: %v): got events %#x", reset, events)
	}
	return c.client
}

// An MPTCP socket partly behaves like TCP once it has found that its peer supports
// only TCP. An MPTCP listener accepts a TCP socket for such a peer.
func TestConnectedMPTCPReachesTheModuleInPart(t *testing.T) {
	for _, c := range []struct {
		name    string
		open    func(t *testing.T) socket
		answers []answer
	}{
		{"listens", func(t *testing.T) socket { return connect(t, mptcpSocket, mptcpSocket).listener }, ofMPTCP},
		{"is connected to MPTCP", func(t *testing.T) socket { return connect(t, mptcpSocket, mptcpSocket).client }, ofMPTCP},
		{"was accepted from MPTCP", func(t *testing.T) socket { return connect(t, mptcpSocket, mptcpSocket).accepted }, ofMPTCP},
		{"is connected to TCP", func(t *testing.T) socket { return connect(t, tcpSocket, mptcpSocket).client }, ofFallenBackMPTCP},
		{"was accepted from TCP", func(t *testing.T) socket { return connect(t, mptcpSocket, tcpSocket).accepted }, reached},
	} {
		t.Run(c.name, func(t *testing.T) {
			guest.NewNetworkNamespace(t)
			if _, known := mptcpSocket.openIfKnown(t, "MPTCP"); known {
				wantAnswer(t, c.open(t), c.answers)
			}
		})
	}
}
