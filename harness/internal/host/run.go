package host

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/u-root/u-root/pkg/ldd"

	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// run is one run of a package's tests.
type run struct {
	request.Request
	env    environment
	flags  testFlags
	cache  string // the project's directory in the user's cache
	trace  *trace
	stdout *lastWord
	stderr io.Writer

	platform platform // known once the kernel is
}

// do runs the tests. The error is nil when everything passed.
func (r *run) do(ctx context.Context) error {
	spec, err := r.prepare(ctx)
	if err != nil {
		return interruptedOr(ctx, err)
	}
	end := r.trace.phase("restore or boot")
	m, err := r.start(ctx, spec)
	end()
	if m == nil {
		return interruptedOr(ctx, err)
	}
	defer m.stop()
	if err == nil {
		m.stdout, m.stderr = r.stdout, r.stderr
		m.files.Create = results(r.flags.Collect).create
		err = r.converse(m)
	}
	end = r.trace.phase("exit")
	m.stop()
	end()
	verdict := m.judge(err)
	if err := r.stdout.finish(verdict == nil); err != nil && verdict == nil {
		verdict = failf(HostBroke, err, "write the tests' output")
	}
	return errors.Join(verdict, r.showKernelLog(m, verdict != nil), r.trace.show(r))
}

func interruptedOr(ctx context.Context, err error) error {
	var interrupt *interruptError
	if errors.As(context.Cause(ctx), &interrupt) {
		return interruption(interrupt)
	}
	return err
}

// converse leads a ready machine through the run, up to the guest's last word.
func (r *run) converse(m *machine) error {
	m.trace = r.trace
	end := r.trace.phase("upload")
	err := r.upload(m.out)
	end()
	if err != nil {
		return m.explain(fmt.Errorf("send the job: %w", err))
	}
	relay := relayQuit(m.out)
	defer relay.stop()
	return m.awaitDone(r.flags.Timeout)
}

// upload sends the test binary and its files, then the job.
func (r *run) upload(out *wire.Writer) error {
	if err := out.SendFile(r.Binary, r.Binary); err != nil {
		return err
	}
	libraries, err := ldd.FList(r.Binary)
	if err != nil {
		return fmt.Errorf("find the shared libraries of %s: %w", r.Binary, err)
	}
	for _, path := range slices.Concat(libraries, []string{filepath.Join(r.Dir, "testdata")}, r.flags.Bring) {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := out.SendTree(path, nil); err != nil {
			return err
		}
	}
	entropy := make([]byte, 64)
	// It never fails: see crypto/rand.
	_, _ = rand.Read(entropy)
	return out.WriteJSON(wire.Job, wire.Work{
		Time:      time.Now().UnixNano(),
		Entropy:   entropy,
		Path:      r.Binary,
		Args:      append([]string{r.Name}, r.flags.Args...),
		Env:       guestEnvironment(os.Environ(), r.Dir),
		Dir:       r.Dir,
		OneStream: sameFile(os.Stdout, os.Stderr),
		Mkdir:     r.flags.Mkdir,
		Collect:   r.flags.Collect,
	})
}

// sameFile tells whether two files lead to one place, as the go command has it
// for a test's output: then the order of what is written to both matters.
func sameFile(a, b *os.File) bool {
	x, errX := a.Stat()
	y, errY := b.Stat()
	return errX == nil && errY == nil && os.SameFile(x, y)
}
