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

// The neighbours are modules that own other socket options, and have programs of
// their own: iptables-legacy uses only socket options of ip_tables, and ipvsadm
// mostly uses netlink to configure ip_vs.
var (
	neighbours        = []string{"iptable_filter", "xt_tcpudp", "ip_vs_rr"}
	neighbourPrograms = []string{
		"iptables-legacy", "ipvsadm",
		"/usr/lib/*/xtables/libxt_standard.so", "/usr/lib/*/xtables/libxt_udp.so", // loaded by iptables for the rules below
	}
)

// client runs a neighbour's program in the network namespace of the calling
// goroutine, and returns its output.
func client(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// dropped is the UDP port for which ip_tables drops all packets, and served the
// TCP port that ip_vs serves.
const (
	dropped = 9
	served  = 80
)

// Rules of ip_tables and services of ip_vs, configured before the module is loaded,
// stay effective while it is loaded and after it is unloaded. Their programs work
// at all three times, and the module works while it is loaded.
func TestNeighboursWorkBeforeDuringAndAfter(t *testing.T) {
	needsHostPrograms(t, "iptables-legacy")
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

	wantIPTablesWorks(t, "before the module is loaded")
	wantIPVSWorks(t, s, server, "before the module is loaded")
	guest.LoadModule(t, module)
	wantIPTablesWorks(t, "while the module is loaded")
	wantIPVSWorks(t, s, server, "while the module is loaded")
	s.store(t, "next to neighbours")
	s.wantLast(t, "next to neighbours", "while ip_tables and ip_vs are loaded")
	guest.UnloadModule(t, module)
	wantIPTablesWorks(t, "after the module is unloaded")
	wantIPVSWorks(t, s, server, "after the module is unloaded")
	wantAbsent(t, s, "while ip_tables and ip_vs are loaded")
}

// putBackUses waits at cleanup until the reference counts of modules are what they
// are now: a network namespace that ends releases its references later.
func putBackUses(t *testing.T, modules ...string) {
	t.Helper()
	uses := func() string {
		var out []string
		for _, name := range modules {
			count, err := os.ReadFile(filepath.Join("/sys/module", name, "refcnt"))
			if err != nil {
				t.Fatalf("get the reference count of module %s: %v", name, err)
			}
			out = append(out, name+": "+strings.TrimSpace(string(count)))
		}
		return strings.Join(out, ", ")
	}
	before := uses()
	t.Cleanup(func() {
		for deadline := time.Now().Add(timeout); uses() != before; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("reference counts of modules: got %s, want %s as before the network namespace", uses(), before)
			}
		}
	})
}

// wantIPTablesWorks checks that the rule is listed and effective, and that a rule
// can be added and deleted.
func wantIPTablesWorks(t *testing.T, when string) {
	t.Helper()
	const rule, other = "-A OUTPUT -p udp -m udp --dport 9 -j DROP\n", "-A INPUT -p udp -m udp --dport 10 -j ACCEPT\n"
	wantRules := func(want string) {
		t.Helper()
		if got := client(t, "iptables-legacy", "-S"); !strings.HasSuffix(got, want) {
			t.Fatalf("rules of ip_tables %s: got %q, want %q at the end", when, got, want)
		}
	}
	wantRules(rule)
	udp := udpSocket.open(t)
	send := func(port int) error {
		return unix.Sendto(udp.fd, []byte("a message"), 0, loopback(unix.AF_INET, unix.AF_INET, port))
	}
	wantErrno(t, send(dropped), unix.EPERM, "send to the port that ip_tables drops %s", when)
	wantErrno(t, send(dropped+1), nil, "send to a port that ip_tables does not drop %s", when)
	client(t, "iptables-legacy", "-A", "INPUT", "-p", "udp", "--dport", "10", "-j", "ACCEPT")
	wantRules(other + rule)
	client(t, "iptables-legacy", "-D", "INPUT", "-p", "udp", "--dport", "10", "-j", "ACCEPT")
	wantRules(rule)
}

// wantIPVSWorks checks that the service is listed and works, and that ip_vs answers
// a socket option, which its program uses if netlink is not available.
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
		t.Fatalf("accept a connection through ip_vs %s: %v", when, err)
	}
	_ = unix.Close(fd)
}
