package vmtest

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// A protocol is what socket(2) is called with.
type protocol struct {
	name                   string
	domain, kind, protocol int
}

var (
	rawSocket  = protocol{"raw", unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW}
	udpSocket  = protocol{"UDP", unix.AF_INET, unix.SOCK_DGRAM, 0}
	pingSocket = protocol{"ping", unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_ICMP}
)

// open opens a socket of the protocol in the network namespace of the calling
// goroutine.
func (p protocol) open(tb testing.TB) socket {
	tb.Helper()
	return openSocket(tb, p.domain, p.kind, p.protocol)
}

// wantReached checks that a socket reaches the module.
func wantReached(t *testing.T, s socket) {
	t.Helper()
	wantErrno(t, s.trySet("a message"), nil, "set")
	s.wantLast(t, "a message", "after a set")
	got, err := s.tryGet(uapi.SocketOpsGet)
	wantErrno(t, err, nil, "get of the greeting")
	if got != greeting {
		t.Fatalf("greeting: got %q, want %q", got, greeting)
	}
	_, err = s.tryGet(uapi.SocketOpsStats + 1)
	wantErrno(t, err, unix.ENOPROTOOPT, "get of command %d", uapi.SocketOpsStats+1)
}

func TestSocketsThatReachTheModule(t *testing.T) {
	for _, p := range []protocol{
		rawSocket,
		udpSocket,
		{"TCP", unix.AF_INET, unix.SOCK_STREAM, 0},
		{"ICMP", unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP},
		{"IPv6 UDP", unix.AF_INET6, unix.SOCK_DGRAM, 0},
		{"IPv6 TCP", unix.AF_INET6, unix.SOCK_STREAM, 0},
	} {
		t.Run(p.name, func(t *testing.T) {
			guest.NewNetworkNamespace(t)
			wantReached(t, p.open(t))
		})
	}
}

func TestPingSocketReachesTheModule(t *testing.T) {
	guest.NewNetworkNamespace(t)
	// Without a group that may open them there are no ping sockets, not even
	// for root.
	if err := os.WriteFile("/proc/sys/net/ipv4/ping_group_range", []byte("0 0"), 0o644); err != nil {
		t.Fatal(err)
	}
	wantReached(t, pingSocket.open(t))
}

func TestSocketsThatDoNotReachTheModule(t *testing.T) {
	for _, c := range []struct {
		protocol
		want error
	}{
		{protocol{"Unix stream", unix.AF_UNIX, unix.SOCK_STREAM, 0}, unix.EOPNOTSUPP},
		{protocol{"Unix datagram", unix.AF_UNIX, unix.SOCK_DGRAM, 0}, unix.EOPNOTSUPP},
		{protocol{"packet", unix.AF_PACKET, unix.SOCK_RAW, 0}, unix.ENOPROTOOPT},
		{protocol{"netlink", unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE}, unix.ENOPROTOOPT},
	} {
		t.Run(c.name, func(t *testing.T) {
			watcher := newSocket(t)
			s := c.open(t)
			watcher.wantCounts(t, uapi.Stats{}, "calls on a "+c.name+" socket", func() {
				wantErrno(t, s.trySet("a message"), c.want, "set")
				for _, command := range []int32{uapi.SocketOpsGet, uapi.SocketOpsLast, uapi.SocketOpsStats} {
					_, err := s.tryGet(command)
					wantErrno(t, err, c.want, "get of command %d", command)
				}
			})
			watcher.wantLast(t, "", "after a set on a "+c.name+" socket")
		})
	}
}
