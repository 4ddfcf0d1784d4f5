// Package autoload has tests in whose guest nothing is loaded and no module is listed:
// the kernel asks for what it needs.
package autoload

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness"
	"github.com/kmodtest/kmodtest/harness/guest"
)

func TestMain(m *testing.M) {
	harness.Main(m, harness.Config{
		Modules:     []string{"../modules/asks"},
		LoadModules: append(strings.Fields(os.Getenv("AUTOLOAD_LOAD")), "macvlan"),
		// For TestModprobeOfTheHost. All others need no list.
		KernelModules: []string{"tcp_illi*"},
		Files:         []string{"modprobe", "testdata/asks.bin:/lib/firmware/kmodtest/asks.bin"},
	})
}

// wantLoaded checks which modules are loaded.
func wantLoaded(t *testing.T, want bool, names ...string) {
	t.Helper()
	for _, name := range names {
		if got := guest.ModuleLoaded(t, name); got != want {
			t.Errorf("module %s is loaded: %v, want %v", name, got, want)
		}
	}
}

// TestRequestsOfInit looks at what the module under test got while it was loaded: a
// module that it asked for, one that it wants before it, and firmware.
func TestRequestsOfInit(t *testing.T) {
	wantLoaded(t, true, "asks", "dummy", "ifb", "macvlan")
	text, err := os.ReadFile("/sys/module/asks/parameters/firmware")
	if err != nil || string(text) != "firmware of asks\n\n" && string(text) != "firmware of asks\n" {
		t.Errorf("the firmware is %q, %v", text, err)
	}
}

// attribute returns an attribute of rtnetlink.
func attribute(typ uint16, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
	b = append(binary.NativeEndian.AppendUint16(b, typ), value...)
	return append(b, make([]byte, -len(b)&3)...)
}

// linkMessage returns a request of rtnetlink for a link with attributes.
func linkMessage(typ, flags uint16, attributes ...[]byte) []byte {
	body := append(make([]byte, unix.SizeofIfInfomsg), slices.Concat(attributes...)...)
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_ACK|flags)
	b = binary.NativeEndian.AppendUint32(b, 1) // sequence number
	b = binary.NativeEndian.AppendUint32(b, 0) // port
	return append(b, body...)
}

// addLink makes a link, as ip link add does.
func addLink(kind, name string) error {
	return request(linkMessage(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, attribute(unix.IFLA_IFNAME, []byte(name+"\x00")),
		attribute(unix.IFLA_LINKINFO, attribute(unix.IFLA_INFO_KIND, []byte(kind)))))
}

// deleteLink removes a link.
func deleteLink(name string) error {
	return request(linkMessage(unix.RTM_DELLINK, 0, attribute(unix.IFLA_IFNAME, []byte(name+"\x00"))))
}

// request sends a message of rtnetlink, and returns the error of the kernel.
func request(message []byte) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	buf := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, buf, 0)
	if err != nil {
		return err
	}
	if n < unix.SizeofNlMsghdr+4 {
		return errors.New("the answer is short")
	}
	if code := int32(binary.NativeEndian.Uint32(buf[unix.SizeofNlMsghdr:])); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}

func TestVeth(t *testing.T) {
	if err := addLink("veth", "autoload0"); err != nil {
		t.Fatal(err)
	}
	wantLoaded(t, true, "veth")
}

func TestUnknownLink(t *testing.T) {
	if err := addLink("kmodtest", "none0"); !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("link of an unknown kind: %v, want EOPNOTSUPP", err)
	}
}

func TestBBR(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, "bbr"); err != nil {
		t.Fatal(err)
	}
	wantLoaded(t, true, "tcp_bbr")
}

// TestHash binds a socket to a hash: the kernel loads two modules for it.
func TestHash(t *testing.T) {
	fd, err := unix.Socket(unix.AF_ALG, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrALG{Type: "hash", Name: "sha256"}); err != nil {
		t.Fatal(err)
	}
	wantLoaded(t, true, "af_alg", "algif_hash")
}

func TestTun(t *testing.T) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	wantLoaded(t, true, "tun")
}

// TestSeveralAtOnce makes the kernel ask for several modules at the same time, some of
// them twice.
func TestSeveralAtOnce(t *testing.T) {
	var all sync.WaitGroup
	for i, kind := range []string{"bridge", "bond", "vxlan", "ipvlan", "gre", "bridge", "vxlan", "kmodtest-none"} {
		all.Go(func() {
			// Some kinds need more than a name, which is another error.
			err := addLink(kind, fmt.Sprintf("many%d", i))
			if unknown := errors.Is(err, unix.EOPNOTSUPP); unknown != (kind == "kmodtest-none") {
				t.Errorf("%s: %v", kind, err)
			}
		})
	}
	all.Wait()
	wantLoaded(t, true, "bridge", "bonding", "vxlan")
}

// TestModprobeOfTheHost runs the host's own program with a module in /lib/modules.
func TestModprobeOfTheHost(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "modprobe", "--show-depends", "tcp_illinois").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "insmod /lib/modules/") {
		t.Fatalf("modprobe --show-depends tcp_illinois: %v, %q", err, out)
	}
	if out, err := exec.CommandContext(t.Context(), "modprobe", "tcp-illinois").CombinedOutput(); err != nil {
		t.Fatalf("modprobe tcp-illinois: %v, %q", err, out)
	}
	wantLoaded(t, true, "tcp_illinois")
}

// TestCommand runs the guest's own modprobe.
func TestCommand(t *testing.T) {
	for _, c := range []struct {
		line   string
		want   string // in the output
		fails  bool
		loaded bool
	}{
		{"modprobe -r dummy", "", false, false},
		{"modprobe -q -- dummy numdummies=2", "", false, true},
		{"modprobe -n kmodtest-alias-x", "", false, true},
		{"modprobe kmodtest-alias-x", "", false, true}, // the module under test, which is loaded
		{"modprobe -rv dummy", "unloaded dummy\n", false, false},
		{"modprobe --first-time dummy", "", false, true},
		{"modprobe --first-time dummy", "is loaded already", true, true},
		{"modprobe no_such_module", "has no module no_such_module", true, true},
		{"modprobe -q no_such_module", "", true, true},
		{"modprobe --config /x dummy", "has no option --config", true, true},
		{"modprobe", "no module was named", true, true},
		{"modprobe dummy numdummies=many", "", false, true}, // it is loaded
		{"modprobe -a dummy ext4", "", false, true},         // ext4 is loadable or built in
	} {
		words := strings.Fields(c.line)
		cmd := exec.CommandContext(t.Context(), "/init", words[1:]...)
		cmd.Args[0] = words[0]
		out, err := cmd.CombinedOutput()
		if (err != nil) != c.fails || !strings.Contains(string(out), c.want) || c.want == "" && len(out) > 0 {
			t.Errorf("%s: %v, %q; want %q, failure %v", c.line, err, out, c.want, c.fails)
		}
		wantLoaded(t, c.loaded, "dummy")
	}
}

// TestCleanupWaits leaves a namespace that uses a module when cleanup unloads it: the
// kernel ends the namespace in the background.
func TestCleanupWaits(t *testing.T) {
	if guest.ModuleLoaded(t, "tcp_bbr") { // by another test
		guest.UnloadModule(t, "tcp_bbr")
	}
	t.Run("in a namespace", func(t *testing.T) {
		guest.LoadModule(t, "tcp_bbr") // one of those that a namespace may choose
		guest.NewNetworkNamespace(t)
		if err := os.WriteFile("/proc/sys/net/ipv4/tcp_congestion_control", []byte("bbr"), 0); err != nil {
			t.Fatal(err)
		}
		if err := guest.TryUnloadModule(t, "tcp_bbr"); !errors.Is(err, unix.EAGAIN) {
			t.Errorf("unload while the namespace uses it: %v, want EAGAIN", err)
		}
	})
	wantLoaded(t, false, "tcp_bbr")
}

func TestUnknownModuleNamesKernel(t *testing.T) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		t.Fatal(err)
	}
	release := unix.ByteSliceToString(name.Release[:])
	err := guest.TryLoadModule(t, "no_such_module")
	if !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), "kernel "+release+" has no module no_such_module") {
		t.Errorf("load of no_such_module: %v", err)
	}
}

func TestFilesOfTheKernel(t *testing.T) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		t.Fatal(err)
	}
	release := unix.ByteSliceToString(name.Release[:])
	for _, path := range []string{
		"/boot/config-" + release, "/lib/modules/" + release + "/modules.dep.bin", "/lib/modules/" + release + "/modules.alias.bin",
		"/lib/modules/" + release + "/modules.builtin.bin", "/dev/fuse", "/dev/loop-control",
	} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}
