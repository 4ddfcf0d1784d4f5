package vmtest

import (
	"errors"
	"os"
	"regexp"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// A protocol is the arguments of socket(2).
type protocol struct {
	name                   string
	domain, kind, protocol int
}

var (
	rawSocket  = protocol{"raw", unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW}
	udpSocket  = protocol{"UDP", unix.AF_INET, unix.SOCK_DGRAM, 0}
	tcpSocket  = protocol{"TCP", unix.AF_INET, unix.SOCK_STREAM, 0}
	pingSocket = protocol{"ping", unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_ICMP}
	udp6Socket = protocol{"IPv6 UDP", unix.AF_INET6, unix.SOCK_DGRAM, 0}
	tcp6Socket = protocol{"IPv6 TCP", unix.AF_INET6, unix.SOCK_STREAM, 0}

	mptcpSocket  = protocol{"MPTCP", unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP}
	mptcp6Socket = protocol{"IPv6 MPTCP", unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_MPTCP}
)

// open opens a socket of the protocol in the network namespace of the calling
// goroutine.
func (p protocol) open(tb testing.TB) socket {
	tb.Helper()
	return openSocket(tb, p.domain, p.kind, p.protocol)
}

// openIfKnown is open for a protocol that not every kernel supports. listed is
// its name in /proc/net/protocols. It reports whether the kernel supports it.
func (p protocol) openIfKnown(t *testing.T, listed string) (socket, bool) {
	t.Helper()
	list, err := os.ReadFile("/proc/net/protocols")
	if err != nil {
		t.Fatal(err)
	}
	if regexp.MustCompile(`(?m)^` + listed + ` `).Match(list) {
		return p.open(t), true
	}
	fd, err := unix.Socket(p.domain, p.kind, p.protocol)
	if err == nil {
		_ = unix.Close(fd)
	}
	want := unix.EPROTONOSUPPORT
	if p.kind == unix.SOCK_SEQPACKET {
		want = unix.ESOCKTNOSUPPORT // no other protocol has this type
	}
	wantErrno(t, err, want, "open %s socket while the kernel lists no %s", p.name, listed)
	t.Logf("this kernel does not support %s", p.name)
	return socket{}, false
}

// An answer is the error of sets and gets of the module's commands on a socket,
// since a version of the kernel, and its reason.
type answer struct {
	since    version
	set, get error
	why      string
}

// reached is the answer of a socket whose calls reach the module.
var reached = []answer{{why: "ip_setsockopt and ip_getsockopt pass unknown options to nf_setsockopt and nf_getsockopt"}}

// wantAnswer checks the answer of a socket in the network namespace of the calling
// goroutine, and that a call which does not reach the module does not change its
// state.
func wantAnswer(t *testing.T, s socket, answers []answer) {
	t.Helper()
	var want answer
	for _, a := range answers {
		if !kernelVersion(t).before(a.since.major, a.since.minor) {
			want = a
		}
	}
	watcher := rawSocket.open(t)
	watcher.store(t, "old")
	last, counts := "old", uapi.Stats{}
	if want.set == nil {
		last, counts = "a message", uapi.Stats{Sets: 1, SetBytes: 9}
	}
	if want.get == nil {
		counts.Gets, counts.GetBytes = 3, uint64(len(greeting)+len(last)+40)
	}
	watcher.wantCounts(t, counts, "a set and three gets", func() {
		wantErrno(t, s.trySet("a message"), want.set, "set (%s)", want.why)
		for _, command := range []int32{uapi.SocketOpsGet, uapi.SocketOpsLast, uapi.SocketOpsStats} {
			_, err := s.tryGet(command)
			wantErrno(t, err, want.get, "get of command %d (%s)", command, want.why)
		}
	})
	watcher.wantLast(t, last, "after a set")
}

func TestSocketsThatReachTheModule(t *testing.T) {
	loadSCTP(t)
	for _, c := range []struct {
		protocol
		listed string // name in /proc/net/protocols, if not every kernel supports it
	}{
		{protocol: rawSocket},
		{protocol: protocol{"ICMP", unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP}},
		{protocol: pingSocket},
		{protocol: udpSocket},
		{protocol: tcpSocket},
		{protocol: udp6Socket},
		{protocol: tcp6Socket},
		{protocol: protocol{"IPv6 ping", unix.AF_INET6, unix.SOCK_DGRAM, unix.IPPROTO_ICMPV6}},
		{protocol{"UDP-Lite", unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_UDPLITE}, "UDP-Lite"},
		{protocol{"IPv6 UDP-Lite", unix.AF_INET6, unix.SOCK_DGRAM, unix.IPPROTO_UDPLITE}, "UDPLITEv6"},
		{protocol{"SCTP", unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_SCTP}, "SCTP"},
		{protocol{"one-to-many SCTP", unix.AF_INET, unix.SOCK_SEQPACKET, unix.IPPROTO_SCTP}, "SCTP"},
		{protocol{"IPv6 SCTP", unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_SCTP}, "SCTPv6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			guest.NewNetworkNamespace(t)
			allowPing(t)
			if c.listed == "" {
				wantAnswer(t, c.open(t), reached)
			} else if s, known := c.openIfKnown(t, c.listed); known {
				wantAnswer(t, s, reached)
			}
		})
	}
}

// allowPing allows the group of root to open ping sockets in the network
// namespace. By default not even root may.
func allowPing(t *testing.T) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/net/ipv4/ping_group_range", []byte("0 0"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// withoutCleanup is a testing.TB that ignores cleanup functions, for a module that
// the kernel cannot unload.
type withoutCleanup struct{ testing.TB }

func (withoutCleanup) Cleanup(func()) {}

// loadSCTP loads SCTP if the kernel has it as a module. SCTP cannot be unloaded,
// because it opens a socket in every network namespace.
func loadSCTP(t *testing.T) {
	t.Helper()
	err := guest.TryLoadModule(withoutCleanup{t}, "sctp")
	if err != nil && !errors.Is(err, unix.EEXIST) && !errors.Is(err, unix.ENOENT) { // the kernel has it loaded, or lacks it
		t.Fatal(err)
	}
}

// ofMPTCP is the answer of an MPTCP socket, connected or not.
var ofMPTCP = []answer{
	{version{}, unix.EOPNOTSUPP, unix.EOPNOTSUPP, "mptcp_setsockopt passes options only to a subflow that fell back to TCP"},
	{
		version{5, 13},
		unix.ENOPROTOOPT, unix.EOPNOTSUPP,
		"mptcp_setsockopt rejects options that mptcp_supported_sockopt does not list, and mptcp_getsockopt_v4 passes none on",
	},
}

func TestSocketsThatDoNotReachTheModule(t *testing.T) {
	// Every kernel gives the same answers, except for MPTCP.
	of := func(err error, why string) []answer { return []answer{{set: err, get: err, why: why}} }
	for _, c := range []struct {
		protocol
		listed  string
		answers []answer
	}{
		{mptcpSocket, "MPTCP", ofMPTCP},
		{mptcp6Socket, "MPTCPv6", ofMPTCP},
		{protocol{"IPv6 raw", unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_RAW}, "RAWv6", of(unix.ENOPROTOOPT, "ipv6_setsockopt passes level SOL_IP to IPv4 unless the socket is raw")},
		{protocol{"ICMPv6", unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_ICMPV6}, "RAWv6", of(unix.ENOPROTOOPT, "ipv6_setsockopt passes level SOL_IP to IPv4 unless the socket is raw")},
		{protocol{"Unix stream", unix.AF_UNIX, unix.SOCK_STREAM, 0}, "UNIX(-STREAM)?", of(unix.EOPNOTSUPP, "the socket family has no options of its own")},
		{protocol{"Unix datagram", unix.AF_UNIX, unix.SOCK_DGRAM, 0}, "UNIX", of(unix.EOPNOTSUPP, "the socket family has no options of its own")},
		{protocol{"packet", unix.AF_PACKET, unix.SOCK_RAW, 0}, "PACKET", of(unix.ENOPROTOOPT, "packet_setsockopt supports only level SOL_PACKET")},
		{protocol{"netlink", unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE}, "NETLINK", of(unix.ENOPROTOOPT, "netlink_setsockopt supports only level SOL_NETLINK")},
	} {
		t.Run(c.name, func(t *testing.T) {
			guest.NewNetworkNamespace(t)
			if s, known := c.openIfKnown(t, c.listed); known {
				wantAnswer(t, s, c.answers)
			}
		})
	}
}
