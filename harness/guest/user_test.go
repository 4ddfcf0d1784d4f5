package guest_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
)

// initialUsers is the initial user namespace, whose number is fixed
// (PROC_USER_INIT_INO).
const initialUsers = "user:[4026531837]"

// users returns the name of the process's user namespace.
func users(t *testing.T) string {
	t.Helper()
	name, err := os.Readlink("/proc/self/ns/user")
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// inChild reports whether InUserNamespace started this process.
func inChild(t *testing.T) bool {
	t.Helper()
	return users(t) != initialUsers
}

func TestInUserNamespaceIsRootOfItsOwn(t *testing.T) {
	guest.InUserNamespace(t, unix.CLONE_NEWNET, func() {
		if !inChild(t) {
			t.Error("body runs in the initial user namespace")
		}
		if uid := os.Getuid(); uid != 0 {
			t.Errorf("user: got %d, want 0", uid)
		}
		if err := openSocket(unix.SOCK_RAW, unix.IPPROTO_RAW); err != nil {
			t.Errorf("raw socket in the new network namespace: %v", err)
		}
	})
	if inChild(t) {
		t.Error("the child continued after the body")
	}
}

func TestInUserNamespaceKeepsOtherNamespaces(t *testing.T) {
	guest.InUserNamespace(t, 0, func() {
		if err := openSocket(unix.SOCK_RAW, unix.IPPROTO_RAW); !errors.Is(err, unix.EPERM) {
			t.Errorf("raw socket in the initial network namespace: got %v, want EPERM", err)
		}
	})
}

func TestInUserNamespaceRunsEachBodyOfATest(t *testing.T) {
	const first, second = "/tmp/first", "/tmp/second"
	for _, path := range []string{first, second} {
		if !inChild(t) {
			t.Cleanup(func() { _ = os.Remove(path) })
		}
	}
	guest.InUserNamespace(t, 0, func() { leave(t, first) })
	guest.InUserNamespace(t, 0, func() { leave(t, second) })
	for _, path := range []string{first, second} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("body did not run: %v", err)
		}
	}
}

// leave makes a file. It fails the test if the file exists.
func leave(t *testing.T, path string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestInUserNamespaceWorksInSubtests(t *testing.T) {
	for _, name := range []string{"plain", "with spaces", "with/slash", "^a.b(c)$", "plain"} {
		t.Run(name, func(t *testing.T) {
			guest.InUserNamespace(t, 0, func() {
				if !inChild(t) {
					t.Error("body runs in the initial user namespace")
				}
			})
		})
	}
}

func TestInUserNamespaceWorksWithOtherHelpers(t *testing.T) {
	guest.NewNetworkNamespace(t)
	guest.InUserNamespace(t, unix.CLONE_NEWNET, func() {
		guest.DropCapabilities(t)
		if err := openSocket(unix.SOCK_RAW, unix.IPPROTO_RAW); !errors.Is(err, unix.EPERM) {
			t.Errorf("raw socket without capabilities: got %v, want EPERM", err)
		}
	})
}

func TestInUserNamespaceShowsWhyTheChildFailed(t *testing.T) {
	for _, c := range []struct {
		name, want string
		body       func(t *testing.T)
	}{
		{"error", "the reason that it failed for", func(t *testing.T) { t.Error("the reason that it failed for") }},
		{"fatal", "the reason that it ended for", func(t *testing.T) { t.Fatal("the reason that it ended for") }},
		{"panic", "the reason of the panic", func(*testing.T) { panic("the reason of the panic") }},
		{"exit", "unexpected call to os.Exit(0)", func(*testing.T) { os.Exit(0) }},
		{"skip", "the body did not run to its end", func(t *testing.T) { t.SkipNow() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantFailure(t, c.want, func(tb testing.TB) {
				guest.InUserNamespace(tb, 0, func() { c.body(t) })
			})
		})
	}
}

func TestInUserNamespaceFailsWhereChildDidNotCallIt(t *testing.T) {
	wantFailure(t, "the body did not run to its end", func(tb testing.TB) {
		if inChild(t) {
			return
		}
		guest.InUserNamespace(tb, 0, func() {})
	})
}

func TestChildIsNoRunOfItsOwn(t *testing.T) {
	guest.InUserNamespace(t, 0, func() {
		for _, variable := range os.Environ() {
			if strings.HasPrefix(variable, "KMODTEST_RESULT=") {
				t.Errorf("the child's environment has %s", variable)
			}
		}
	})
}
