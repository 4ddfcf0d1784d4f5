//go:build kvm

package nested

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// inner is a run of kmodtest in the outer machine.
type inner struct {
	innerRun
	place
	env   []string      // more variables
	seen  func() error  // changes what the run sees of the outer machine; may be nil
	limit time.Duration // for the tests; 0 means 3 minutes, which is enough on a busy host
}

// result is how an inner run has ended.
type result struct {
	status         int
	stdout, stderr string
}

// silence is the value of KMODTEST_SILENCE for inner runs: an inner machine that
// hangs is asked for its state, which is printed with its console. A boot prints
// nothing for several seconds, and on a busy host for ten times as long.
const silence = "KMODTEST_SILENCE=150s"

// unfinished is how long an inner run may take in addition to its tests.
const unfinished = 5 * time.Minute

// run runs the test binary with args. A run whose machine neither ends nor falls
// silent is interrupted.
func (i inner) run(t *testing.T, args ...string) result {
	t.Helper()
	limit := cmp.Or(i.limit, 3*time.Minute)
	ctx, stop := context.WithTimeout(t.Context(), limit+unfinished)
	defer stop()
	// The last -test.timeout counts.
	cmd := exec.CommandContext(ctx, i.binary(i.Package), append([]string{"-test.timeout=" + limit.String()}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	cmd.WaitDelay = time.Minute
	cmd.Dir = filepath.Join(i.Root, i.Package)
	cmd.Env = append(i.environment(), "TMPDIR="+t.TempDir(), silence)
	cmd.Env = append(append(cmd.Env, i.Env...), i.env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := i.asOnHost(cmd.Run)
	if ctx.Err() != nil {
		t.Fatalf("the run was interrupted after %v; its output:\n%s%s", limit+unfinished, &stdout, &stderr)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if os.Getenv("NESTED_SHOW") != "" {
		t.Logf("exit status %d\n%s\n%s", cmd.ProcessState.ExitCode(), &stdout, &stderr)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// asOnHost calls f on a thread of its own, from which the outer machine does not
// look like a guest.
func (i inner) asOnHost(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked, so the thread ends with its goroutine
		err := i.disguise()
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

func (i inner) disguise() error {
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_NEWUTS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", filepath.Dir(inside.GuestFile), "tmpfs", 0, ""); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte("outer")); err != nil || i.seen == nil {
		return err
	}
	return i.seen()
}
