package harness_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// session is kmodtest shell in a terminal.
type session struct {
	*command
	terminal *os.File // the user's side
	before   *unix.Termios
	out      *watched
}

// openShell starts kmodtest shell in testdata/foreign, and waits for its prompt.
func openShell(t *testing.T, args ...string) *session {
	t.Helper()
	program, err := kmodtest()
	if err != nil {
		t.Fatal(err)
	}
	s := &session{command: newCommand(t, []string{"TERM=xterm", "KMODTEST_SILENCE=5m"}, program, append([]string{"shell"}, args...)...), out: &watched{}}
	s.Dir = filepath.Join("testdata", "foreign")
	ours, theirs, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	t.Cleanup(func() { ours.Close() })
	s.terminal = ours
	s.resize(t, 30, 100)
	s.before = s.mode(t)
	s.Stdin, s.Stdout, s.Stderr = theirs, theirs, theirs
	s.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(s.out, ours) }() // it ends with the terminal
	s.await(t, "root@kmodtest:")
	return s
}

// await waits until the shell has printed text.
func (s *session) await(t *testing.T, text string) {
	t.Helper()
	select {
	case <-s.out.seen(text):
	case <-time.After(3 * patience): // for the prompt, programs and a module may have to be built
		t.Fatalf("%q was not printed; the output is %q", text, s.out.String())
	}
}

// enter types text, and waits until the shell has printed another.
func (s *session) enter(t *testing.T, text, want string) {
	t.Helper()
	if _, err := s.terminal.WriteString(text); err != nil {
		t.Fatal(err)
	}
	s.await(t, want)
}

func (s *session) resize(t *testing.T, rows, columns uint16) {
	t.Helper()
	if err := pty.Setsize(s.terminal, &pty.Winsize{Rows: rows, Cols: columns}); err != nil {
		t.Fatal(err)
	}
}

// mode returns the mode of the terminal.
func (s *session) mode(t *testing.T) *unix.Termios {
	t.Helper()
	mode, err := unix.IoctlGetTermios(int(s.terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return mode
}

// end waits until the command has ended, and checks that the terminal has its mode again.
func (s *session) end(t *testing.T, status int) {
	t.Helper()
	_ = s.Wait() // its status is checked next
	if got := s.ProcessState.ExitCode(); got != status {
		t.Errorf("exit status %d, want %d; the output is %q", got, status, s.out.String())
	}
	if diff := cmp.Diff(s.before, s.mode(t)); diff != "" {
		t.Errorf("the mode of the terminal has changed:\n%s", diff)
	}
}

// The texts that are waited for are not in the lines that are typed, which the terminal
// shows as well.
func TestShellHasTerminal(t *testing.T) {
	t.Parallel()
	s := openShell(t)
	s.enter(t, "lsmod | sed s/^crash/lo''aded/\r", "loaded ")
	s.enter(t, "stty size\r", "30 100")
	s.resize(t, 50, 132)
	s.enter(t, "until [ \"$(stty size)\" = '50 132' ]; do sleep 0.1; done; echo re''sized\r", "resized")
	s.enter(t, "sh -c 'echo be\"\"gins; exec sleep 600'\r", "begins")
	s.enter(t, "\x03echo \"status \"$?\r", "status 130")
	s.enter(t, "sh -c 'echo be\"\"gins again; exec sleep 600'\r", "begins again")
	s.enter(t, "\x1a", "Stopped")
	s.enter(t, "kill %1; jobs; echo \"$TERM\"-te''rminal\r", "xterm-terminal")
	if _, err := s.terminal.WriteString("exit 42\r"); err != nil {
		t.Fatal(err)
	}
	s.end(t, 42)
}

func TestShellThatDiesRestoresTerminal(t *testing.T) {
	for name, c := range map[string]struct {
		process string
		signal  syscall.Signal
		status  int
	}{
		"QEMU":                     {"qemu-system", syscall.SIGKILL, 69},
		"kmodtest-run":             {"/program", syscall.SIGKILL, 69},
		"kmodtest-run, by request": {"/program", syscall.SIGTERM, 128 + int(syscall.SIGTERM)},
		"kmodtest, by request":     {"kmodtest\x20shell", syscall.SIGTERM, 128 + int(syscall.SIGTERM)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShell(t)
			if s.mode(t).Lflag&unix.ICANON != 0 {
				t.Error("the terminal is not in raw mode")
			}
			if err := syscall.Kill(s.one(t, strings.ReplaceAll(c.process, "\x20", "\x00")), c.signal); err != nil {
				t.Fatal(err)
			}
			s.end(t, c.status)
		})
	}
}

func TestEscapeEndsShell(t *testing.T) {
	t.Parallel()
	s := openShell(t)
	s.enter(t, "\x1d\x1d\x1d", "interrupted")
	s.end(t, 128+int(syscall.SIGINT))
}

func TestShellCommandHasPipes(t *testing.T) {
	t.Parallel()
	program, err := kmodtest()
	if err != nil {
		t.Fatal(err)
	}
	c := newCommand(t, nil, program, "shell", "--", "/bin/sh", "-c", "echo to stderr >&2; cat; exit 7")
	c.Dir = filepath.Join("testdata", "foreign")
	input, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out := &watched{}
	c.Stdout = out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	running, ended := context.WithCancel(t.Context())
	finished := make(chan struct{})
	go func() {
		_ = c.Wait() // its status is checked at the end
		ended()
		close(finished)
	}()
	if _, err := io.WriteString(input, "first line\n"); err != nil {
		t.Fatal(err)
	}
	awaitOutput(running, t, out, "first line\n") // before the input ends
	rest := strings.Repeat("0123456789abcde\n", 20_000)
	if _, err := io.WriteString(input, rest); err != nil {
		t.Fatal(err)
	}
	if err := input.Close(); err != nil {
		t.Fatal(err)
	}
	<-finished
	if status := c.ProcessState.ExitCode(); status != 7 || out.String() != "first line\n"+rest {
		t.Errorf("status %d and %d bytes of output, want 7 and %d", status, len(out.String()), len("first line\n"+rest))
	}
	if !strings.Contains(c.stderr.String(), "to stderr\n") || strings.Contains(c.stderr.String(), "kernel log") {
		t.Errorf("standard error: %s", &c.stderr)
	}
}

// The package has a TestMain with harness.Main, whose Config is used.
func TestShellOfPackageHasItsTests(t *testing.T) {
	t.Parallel()
	program, err := kmodtest()
	if err != nil {
		t.Fatal(err)
	}
	c := newCommand(t, nil, program, "shell", "./testdata/red", "--", "red.test", "-test.v", "-test.run=^TestPasses$")
	if status := c.status(t); status != 0 || !strings.Contains(c.stdout.String(), "--- PASS: TestPasses") {
		t.Errorf("status %d, want 0 and a test that passes\n%s%s", status, &c.stdout, &c.stderr)
	}
}

func TestFaultInShellIsReported(t *testing.T) {
	t.Parallel()
	out, status := foreign(t, nil, "shell", "--", "/bin/sh", "-c", "echo warn >/proc/crash; echo goes on")
	if status != 255 || !strings.Contains(out, "goes on\n") || !regexp.MustCompile(`(?m)^kmodtest: FAIL: kernel fault: WARNING in crash_warn \[crash\]`).MatchString(out) {
		t.Errorf("status %d, want 255 and a fault\n%s", status, out)
	}
}
