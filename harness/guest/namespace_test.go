package guest_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
)

// joined returns two namespaces that are joined, and the ends of the link.
func joined(t testing.TB, a, b string) (x, y *guest.Namespace, atX, atY guest.End) {
	if !guest.ModuleLoaded(t, veth) {
		guest.LoadModule(t, veth)
	}
	x, y = guest.NewNamespace(t, a), guest.NewNamespace(t, b)
	atX, atY = x.Join(y)
	return x, y, atX, atY
}

// listen listens on a TCP port of an address in a namespace.
func listen(t *testing.T, n *guest.Namespace, ip net.IP) (l *net.TCPListener) {
	t.Helper()
	n.Run(func() {
		var err error
		if l, err = net.ListenTCP("tcp", &net.TCPAddr{IP: ip}); err != nil {
			t.Fatal(err)
		}
	})
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// TCP and UDP, by IPv4 and IPv6, pass at once.
func TestJoinedNamespacesExchangePackets(t *testing.T) {
	a, b, _, atB := joined(t, "packets-a", "packets-b")
	for _, ip := range []net.IP{atB.IPv4[:], atB.IPv6[:]} {
		l := listen(t, b, ip)
		go func() {
			if conn, err := l.Accept(); err == nil {
				_, _ = io.WriteString(conn, "from "+b.Name()) // its reader notices an error
				conn.Close()
			}
		}()
		var datagrams *net.UDPConn
		b.Run(func() {
			var err error
			if datagrams, err = net.ListenUDP("udp", &net.UDPAddr{IP: ip}); err != nil {
				t.Fatal(err)
			}
		})
		a.Run(func() {
			conn, err := net.DialTCP("tcp", nil, l.Addr().(*net.TCPAddr))
			if err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(conn); err != nil || string(text) != "from packets-b" {
				t.Errorf("from %v: %q, %v", ip, text, err)
			}
			conn.Close()
			udp, err := net.DialUDP("udp", nil, datagrams.LocalAddr().(*net.UDPAddr))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := udp.Write([]byte("hello")); err != nil {
				t.Error(err)
			}
			udp.Close()
		})
		text := make([]byte, 16)
		if n, _, err := datagrams.ReadFrom(text); err != nil || string(text[:n]) != "hello" {
			t.Errorf("datagram to %v: %q, %v", ip, text[:n], err)
		}
		datagrams.Close()
		_ = l.Close()
	}
}

func TestLinksOfNamespaceDiffer(t *testing.T) {
	a, b, first, _ := joined(t, "links-a", "links-b")
	c := guest.NewNamespace(t, "links-c")
	_, toC := b.Join(c)
	second, _ := a.Join(c)
	if first.Interface != "veth1" || toC.Interface != "veth2" || second.Interface != "veth3" || second.IPv4 != [4]byte{10, 0, 3, 1} {
		t.Errorf("links: %v, %v, %v", first, toC, second)
	}
	a.Run(func() {
		links, err := net.Interfaces()
		if err != nil || len(links) != 3 || links[0].Flags&net.FlagUp == 0 {
			t.Errorf("interfaces: %v, %v", links, err)
		}
	})
}

func TestFatalInNamespaceEndsTestOutsideOfIt(t *testing.T) {
	before := network(t)
	failures := record(t, func(tb testing.TB) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer func() {
			if after := network(t); after != before {
				t.Errorf("network namespace after Fatal: got %s, want %s", after, before)
			}
		}()
		n := guest.NewNamespace(tb, "fatal")
		n.Run(func() {
			if inside := network(t); inside == before {
				t.Errorf("network namespace: still %s", inside)
			}
			n.Run(func() { tb.Fatal("the reason") })
			t.Error("the outer body continues")
		})
		t.Error("the test continues")
	})
	if len(failures) != 1 || failures[0] != "the reason" {
		t.Errorf("failures: %q", failures)
	}
}

func TestNamespaceHasName(t *testing.T) {
	const file, link = "/run/netns/named", "/var/run/netns/named"
	failures := record(t, func(tb testing.TB) {
		n := guest.NewNamespace(tb, "named")
		var own, named, linked unix.Stat_t
		n.Run(func() {
			if err := errors.Join(unix.Stat("/proc/thread-self/ns/net", &own), reach(t)); err != nil {
				t.Fatal(err)
			}
		})
		if err := errors.Join(unix.Stat(file, &named), unix.Stat(link, &linked)); err != nil || named.Ino != own.Ino || linked.Ino != own.Ino {
			t.Errorf("%s is namespace %d, want %d: %v", file, named.Ino, own.Ino, err)
		}
	})
	if _, err := os.Stat(file); len(failures) > 0 || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after cleanup: %v, %q", err, failures)
	}
}

// A TCP congestion control that is a namespace's default is in use until the kernel has
// destroyed the namespace.
func TestNamespaceReleasesItsModules(t *testing.T) {
	guest.LoadModule(t, vegas)
	const allowed = "/proc/sys/net/ipv4/tcp_allowed_congestion_control" // in new namespaces
	before, err := os.ReadFile(allowed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.WriteFile(allowed, before, 0) })
	for range 5 {
		if err := os.WriteFile(allowed, append(bytes.TrimSpace(before), " vegas"...), 0); err != nil {
			t.Fatal(err)
		}
		failures := record(t, func(tb testing.TB) {
			n := guest.NewNamespace(tb, "vegas")
			n.Run(func() {
				if err := os.WriteFile("/proc/sys/net/ipv4/tcp_congestion_control", []byte("vegas"), 0); err != nil {
					t.Fatal(err)
				}
			})
			if err := guest.TryUnloadModule(tb, vegas); !errors.Is(err, unix.EWOULDBLOCK) {
				t.Errorf("unload %s: %v, want that it is in use", vegas, err)
			}
		})
		if len(failures) > 0 {
			t.Fatal(failures)
		}
		failures = record(t, func(tb testing.TB) { guest.UnloadModule(tb, vegas) })
		if len(failures) > 0 {
			t.Fatal(failures)
		}
	}
}

func TestNamespaceInUseIsAnError(t *testing.T) {
	t.Parallel()
	var fd int
	failures := record(t, func(tb testing.TB) {
		guest.NewNamespace(tb, "used").Run(func() {
			var err error
			if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
				t.Fatal(err)
			}
		})
	})
	if len(failures) != 1 || !strings.Contains(failures[0], "network namespace used: it is still in use after 10s") {
		t.Errorf("failures: %q", failures)
	}
	if err := unix.Close(fd); err != nil {
		t.Fatal(err)
	}
}

func TestNamespaceNeedsNameOfItsOwn(t *testing.T) {
	guest.NewNamespace(t, "same")
	wantFailure(t, "same: it exists already", func(tb testing.TB) { guest.NewNamespace(tb, "same") })
	for _, name := range []string{"", ".", "..", "a/b", strings.Repeat("n", 256)} {
		wantFailure(t, "not a valid name", func(tb testing.TB) { guest.NewNamespace(tb, name) })
	}
}
