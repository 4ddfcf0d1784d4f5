package vmtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
)

// The neighbours own other commands of the same kind, and have programs of
// their own: iptables-legacy talks to ip_tables by socket options alone, and
// ipvsadm to ip_vs mostly by netlink.
var (
	neighbours        = []string{"iptable_filter", "xt_tcpudp", "ip_vs_rr"}
	neighbourPrograms = []string{
		"iptables-legacy", "ipvsadm",
		"/usr/lib/*/xtables/libxt_standard.so", "/usr/lib/*/xtables/libxt_udp.so", // what iptables loads for the rules below
	}
)

// client runs a neighbour's program in the network namespace of the calling
// goroutine, and returns what it says.
func client(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// dropped is the UDP port to which ip_tables is told to let nothing through, and
// served the TCP port that ip_vs is told to serve.
const (
	dropped = 9
	served  = 80
)

// What ip_tables and ip_vs are told before the module comes holds while it is
// there and when it is gone; their programs work at each time, and so does the
// module.
func TestNeighboursWorkBeforeDuringAndAfter(t *testing.T) {
	for _, name := range neighbours {
		guest.LoadModule(t, name)
	}
	putBackUses(t, "xt_tcpudp", "iptable_filter", "ip_tables", "ip_vs_rr", "ip_vs")
	s, server := newSocket(t), tcpSocket.open(t)
	guest.UnloadModule(t, module)
	port := server.bind(t, unix.AF_INET)
	if err := unix.Listen(server.fd, 1); err != nil {
		t.Fatalf("listen: %v", err)
	}
	client(t, "iptables-legacy", "-A", "OUTPUT", "-p", "udp", "--dport", fmt.Sprint(dropped), "-j", "DROP")
	client(t, "ipvsadm", "-A", "-t", fmt.Sprintf("127.0.0.1:%d", served), "-s", "rr")
	client(t, "ipvsadm", "-a", "-t", fmt.Sprintf("127.0.0.1:%d", served), "-r", fmt.Sprintf("127.0.0.1:%d", port), "-m")

	wantIPTablesWorks(t, "before the module")
	wantIPVSWorks(t, s, server, "before the module")
	guest.LoadModule(t, module)
	wantIPTablesWorks(t, "beside the module")
	wantIPVSWorks(t, s, server, "beside the module")
	s.store(t, "beside neighbours")
	s.wantLast(t, "beside neighbours", "while ip_tables and ip_vs are loaded")
	guest.UnloadModule(t, module)
	wantIPTablesWorks(t, "after the module")
	wantIPVSWorks(t, s, server, "after the module")
	wantAbsent(t, s, "while ip_tables and ip_vs are loaded")
}

// putBackUses waits at cleanup until modules have no more users than now: what a
// network namespace has of them ends along with it, in the background.
func putBackUses(t *testing.T, modules ...string) {
	t.Helper()
	uses := func() string {
		var out []string
		for _, name := range modules {
			count, err := os.ReadFile(filepath.Join("/sys/module", name, "refcnt"))
			if err != nil {
				t.Fatalf("ask who uses module %s: %v", name, err)
			}
			out = append(out, name+": "+strings.TrimSpace(string(count)))
		}
		return strings.Join(out, ", ")
	}
	before := uses()
	t.Cleanup(func() {
		for deadline := time.Now().Add(patience); uses() != before; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("users of modules: got %s, want %s as before the network namespace", uses(), before)
			}
		}
	})
}

// wantIPTablesWorks checks that the rule is listed and holds, and that a rule
// can be made and taken back.
func wantIPTablesWorks(t *testing.T, when string) {
	t.Helper()
	const rule, other = "-A OUTPUT -p udp -m udp --dport 9 -j DROP\n", "-A INPUT -p udp -m udp --dport 10 -j ACCEPT\n"
	wantSaid := func(want string) {
		t.Helper()
		if got := client(t, "iptables-legacy", "-S"); !strings.HasSuffix(got, want) {
			t.Fatalf("rules of ip_tables %s: got %q, want %q at the end", when, got, want)
		}
	}
	wantSaid(rule)
	udp := udpSocket.open(t)
	send := func(port int) error {
		return unix.Sendto(udp.fd, []byte("a message"), 0, loopback(unix.AF_INET, unix.AF_INET, port))
	}
	wantErrno(t, send(dropped), unix.EPERM, "send to the port that ip_tables drops %s", when)
	wantErrno(t, send(dropped+1), nil, "send to another port than that ip_tables drops %s", when)
	client(t, "iptables-legacy", "-A", "INPUT", "-p", "udp", "--dport", "10", "-j", "ACCEPT")
	wantSaid(other + rule)
	client(t, "iptables-legacy", "-D", "INPUT", "-p", "udp", "--dport", "10", "-j", "ACCEPT")
	wantSaid(rule)
}

// wantIPVSWorks checks that the service is listed and served, and that ip_vs
// answers a socket option, as its program would ask where there is no netlink.
func wantIPVSWorks(t *testing.T, s, server socket, when string) {
	t.Helper()
	const version = 64 + 1024 + 64 // IP_VS_SO_GET_VERSION
	if got := client(t, "ipvsadm", "-S", "-n"); !strings.HasPrefix(got, "-A -t 127.0.0.1:80 -s rr\n-a -t 127.0.0.1:80 -r 127.0.0.1:") {
		t.Fatalf("services of ip_vs %s: got %q", when, got)
	}
	got, err := s.tryGet(version)
	wantErrno(t, err, nil, "get of the version of ip_vs %s", when)
	if !strings.HasPrefix(got, "IP Virtual Server version ") {
		t.Fatalf("version of ip_vs %s: got %q", when, got)
	}
	caller := tcpSocket.open(t)
	if err := unix.Connect(caller.fd, loopback(unix.AF_INET, unix.AF_INET, served)); err != nil {
		t.Fatalf("connect to the port that ip_vs serves %s: %v", when, err)
	}
	fd, _, err := unix.Accept4(server.fd, unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatalf("accept by way of ip_vs %s: %v", when, err)
	}
	_ = unix.Close(fd)
}
