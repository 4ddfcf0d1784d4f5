package harness_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// binaries are the test binaries of packages below testdata, each built once.
var binaries sync.Map // package's name to func() (path string, err error)

// binary returns the path of a package's test binary, which go test -c has built.
func binary(t *testing.T, name string) string {
	t.Helper()
	build, _ := binaries.LoadOrStore(name, sync.OnceValues(func() (string, error) {
		path := filepath.Join(scratch, name+".test")
		out, err := exec.Command("go", "test", "-c", "-o", path, "./testdata/"+name).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
		return path, nil
	}))
	path, err := build.(func() (string, error))()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// scratch holds the binaries.
var scratch string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "harness-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	scratch = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// command is a process whose descendants can be found: a variable in their
// environments has a value that no other command uses.
type command struct {
	*exec.Cmd
	mark           string
	tmp            string
	stdout, stderr bytes.Buffer
}

// markVariable is the name of that variable.
const markVariable = "HARNESS_TEST_MARK"

// newCommand prepares a command. When the test ends, it checks that the command has
// left no process and no temporary file.
func newCommand(t *testing.T, env []string, name string, args ...string) *command {
	t.Helper()
	c := &command{Cmd: exec.Command(name, args...), mark: rand.Text(), tmp: t.TempDir()}
	c.Env = append(os.Environ(), markVariable+"="+c.mark, "TMPDIR="+c.tmp)
	c.Env = append(c.Env, env...)
	c.Stdout, c.Stderr = &c.stdout, &c.stderr
	t.Cleanup(func() { c.leavesNothing(t) })
	return c
}

// status runs the process and returns its exit status; -1 if a signal ended it.
func (c *command) status(t *testing.T) int {
	t.Helper()
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode()
}

func (c *command) leavesNothing(t *testing.T) {
	t.Helper()
	for _, p := range c.awaitProcesses(0) {
		t.Errorf("left behind: process %s", p)
	}
	left, err := os.ReadDir(c.tmp)
	if err != nil {
		t.Error(err)
	}
	for _, f := range left {
		t.Errorf("left behind: temporary file %s", f.Name())
	}
}

// awaitProcesses waits until the command has n processes, itself included, but at
// most for some seconds: the kernel needs a moment to end processes whose parent
// has died. It returns their command lines, with the process ids in front.
func (c *command) awaitProcesses(n int) []string {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		found := c.processes("")
		if len(found) == n || time.Now().After(deadline) {
			return found
		}
	}
}

// processes returns the command's processes whose command line contains text.
func (c *command) processes(text string) []string {
	environments, _ := filepath.Glob("/proc/[0-9]*/environ") // the pattern is well formed
	var found []string
	for _, path := range environments {
		env, err := os.ReadFile(path)
		// QEMU gets a different environment, but with TMPDIR.
		if err != nil || !bytes.Contains(env, []byte(markVariable+"="+c.mark+"\x00")) && !bytes.Contains(env, []byte("TMPDIR="+c.tmp+"\x00")) {
			continue // gone, or not ours
		}
		line, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if err != nil || !bytes.Contains(line, []byte(text)) {
			continue
		}
		pid := filepath.Base(filepath.Dir(path))
		found = append(found, pid+" "+strings.ReplaceAll(string(line), "\x00", " "))
	}
	return found
}

// awaitOutput waits until the process has printed text.
func awaitOutput(ctx context.Context, t *testing.T, out *watched, text string) {
	t.Helper()
	select {
	case <-out.seen(text):
	case <-ctx.Done():
		t.Fatalf("%q was not printed; the output is %q", text, out.String())
	}
}

// watched is a writer that reports when a text has been written to it.
type watched struct {
	mu    sync.Mutex
	text  bytes.Buffer
	wants []want
}

type want struct {
	text string
	done chan struct{}
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	w.check()
	return len(p), nil
}

func (w *watched) check() {
	var open []want
	for _, want := range w.wants {
		if bytes.Contains(w.text.Bytes(), []byte(want.text)) {
			close(want.done)
			continue
		}
		open = append(open, want)
	}
	w.wants = open
}

// seen returns a channel that is closed once text has been written.
func (w *watched) seen(text string) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	done := make(chan struct{})
	w.wants = append(w.wants, want{text, done})
	w.check()
	return done
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}
