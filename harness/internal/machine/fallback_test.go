package machine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// fakeGuest, as the first argument, makes this program a QEMU whose guest is ready
// for a job at once.
const fakeGuest = "fake-guest"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == fakeGuest {
		if err := beGuest(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// beGuest sends what a guest sends before its job, and waits for the host to end it.
func beGuest() error {
	channel := os.NewFile(3, "channel")
	out := wire.NewWriter(channel)
	if err := out.WriteMessage(wire.Hello, &wire.Greeting{Release: "6.1"}); err != nil {
		return err
	}
	if err := out.WriteMessage(wire.Ready, &wire.Readiness{}); err != nil {
		return err
	}
	time.Sleep(time.Hour)
	return nil
}

// fakeQEMU makes a QEMU that does what a shell command does if it is started with
// KVM, and has a guest otherwise.
func fakeQEMU(t *testing.T, underKVM string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "qemu")
	script := fmt.Sprintf("#!/bin/sh\ncase \"$*\" in\n*'-sandbox'*-version) exit 0;;\n*'-accel kvm'*) %s;;\nesac\nexec '%s' %s\n", underKVM, self, fakeGuest)
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// source returns a source of machines that are booted with a QEMU, and what it says.
func source(t *testing.T, emulator string) (*Source, *[]string) {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // for the sandbox
	kernel := filepath.Join(t.TempDir(), "kernel")
	if err := os.WriteFile(kernel, []byte("a kernel"), 0o600); err != nil {
		t.Fatal(err)
	}
	var said []string
	return &Source{
		Config:   qemu.Config{Binary: emulator, Accel: qemu.KVM, Kernel: kernel, Initramfs: kernel},
		CacheDir: t.TempDir(), NoSaving: true, Detected: true,
		Say: func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) },
	}, &said
}

// remembered returns the reason that is kept, or "".
func remembered(t *testing.T, s *Source) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.CacheDir, "kvm", "*"))
	if err != nil || len(files) > 1 {
		t.Fatalf("kept are %q, %v", files, err)
	}
	var why []byte
	for _, file := range files {
		if why, err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	return string(why)
}

// A KVM that does not start a machine is replaced by TCG in the same run, and is
// not tried again in the next.
func TestBrokenKVMIsReplaced(t *testing.T) {
	for name, c := range map[string]struct{ underKVM, want string }{
		"QEMU reports an error": {"echo 'qemu: error: failed to set MSR 0x48f to 0x7fffff00036dfb' >&2; exit 1", "failed to set MSR 0x48f"},
		"QEMU aborts":           {"kill -ABRT $$", "signal: aborted"},
		"QEMU aborts at an MSR": {"echo 'kvm_buf_set_msrs: Assertion failed.' >&2; kill -ABRT $$", "kvm_buf_set_msrs"},
		"the guest is silent":   {"exec sleep 600", "the guest showed no sign of life for 10s after its start"},
		"and QEMU says why":     {"echo 'KVM internal error. Suberror: 1' >&2; exec sleep 600", "KVM internal error"},
	} {
		t.Run(name, func(t *testing.T) {
			s, said := source(t, fakeQEMU(t, c.underKVM))
			m, err := s.Machine(t.Context(), false)
			if err != nil {
				t.Fatal(err)
			}
			m.Close()
			if s.Accel() != qemu.TCG {
				t.Errorf("the next machine has %s, want tcg", s.Accel())
			}
			if len(*said) != 1 || !strings.Contains((*said)[0], c.want) || !strings.Contains((*said)[0], "using TCG") {
				t.Errorf("it said %q, want one line with %q", *said, c.want)
			}
			if why := remembered(t, s); !strings.Contains(why, c.want) {
				t.Errorf("remembered is %q, want %q", why, c.want)
			}
		})
	}
}

// The user asked for KVM, so the run fails.
func TestKVMThatWasAskedForIsNotReplaced(t *testing.T) {
	s, said := source(t, fakeQEMU(t, "echo 'failed to set MSR' >&2; exit 1"))
	s.Detected = false
	m, err := s.Machine(t.Context(), false)
	var end *verdict.EndError
	if !errors.As(err, &end) || len(*said) > 0 {
		t.Errorf("got %v, and it said %q", err, *said)
	}
	if m != nil {
		m.Close()
	}
}

// If the machine does not start with TCG either, KVM is not the cause.
func TestInnocentKVMIsTriedAgain(t *testing.T) {
	path := fakeQEMU(t, "kill -ABRT $$")
	script := "#!/bin/sh\ncase \"$*\" in *-version) exit 0;; esac\nkill -ABRT $$\n"
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	s, _ := source(t, path)
	m, err := s.Machine(t.Context(), false)
	if err == nil {
		t.Error("a machine without QEMU")
	}
	if m != nil {
		m.Close()
	}
	if why := remembered(t, s); why != "" {
		t.Errorf("remembered is %q", why)
	}
}

// A QEMU that aborts in the first boot and not in the second does not fail the run.
func TestAbortedBootIsRepeatedOnce(t *testing.T) {
	for _, aborts := range []int{1, 2} {
		mark := filepath.Join(t.TempDir(), "aborted")
		path := fakeQEMU(t, "exit 1")
		script, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		abort := fmt.Sprintf("*'-accel tcg'*) echo >>'%s'; if test $(wc -l <'%s') -le %d; then kill -ABRT $$; fi;;\nesac", mark, mark, aborts)
		if err := os.WriteFile(path, []byte(strings.Replace(string(script), "esac", abort, 1)), 0o755); err != nil {
			t.Fatal(err)
		}
		s, said := source(t, path)
		s.Config.Accel, s.Detected = qemu.TCG, false
		m, err := s.Machine(t.Context(), false)
		if m != nil {
			m.Close()
		}
		if (err == nil) != (aborts == 1) {
			t.Errorf("after %d aborts: %v", aborts, err)
		}
		if len(*said) != 1 || !strings.Contains((*said)[0], "QEMU died (signal: aborted") {
			t.Errorf("after %d aborts it said %q", aborts, *said)
		}
	}
}
