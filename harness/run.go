package harness

import (
	"archive/tar"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/u-root/u-root/pkg/ldd"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// run is one run of a test binary in a machine.
type run struct {
	config Config
	env    environment
	cache  string // the project's directory in the user's cache
	dir    string // the package's directory, here and in the guest
	binary string // the test binary's path, here and in the guest
	flags  testFlags
	trace  *trace
	stdout *lastWord
	stderr io.Writer
	// silence is how long the machine may show no sign of life; 0 leaves it
	// to usualSilence.
	silence time.Duration
}

// do runs the tests. The error is nil when everything passed.
func (r *run) do(ctx context.Context) error {
	end := r.trace.phase("resolve and build")
	spec, err := r.prepare(ctx)
	end()
	if err != nil {
		return interruptedOr(ctx, err)
	}
	end = r.trace.phase("restore or boot")
	m, err := r.start(ctx, spec)
	end()
	if m == nil {
		return interruptedOr(ctx, err)
	}
	defer m.stop()
	if err == nil {
		m.stdout, m.stderr, m.store = r.stdout, r.stderr, r.storeResult
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
	p := out.Pack()
	if err := p.Add(r.binary, r.binary); err != nil {
		return err
	}
	libraries, err := ldd.FList(r.binary)
	if err != nil {
		return fmt.Errorf("find the shared libraries of %s: %w", r.binary, err)
	}
	for _, path := range append(libraries, filepath.Join(r.dir, "testdata")) {
		if err := addIfThere(p, path); err != nil {
			return err
		}
	}
	for _, path := range r.flags.Bring {
		if err := addIfThere(p, path); err != nil {
			return err
		}
	}
	if err := p.Close(); err != nil {
		return err
	}
	entropy := make([]byte, 64)
	// It never fails: see crypto/rand.
	_, _ = rand.Read(entropy)
	return out.WriteJSON(wire.Job, wire.Work{
		Time:      time.Now().UnixNano(),
		Entropy:   entropy,
		Path:      r.binary,
		Args:      append([]string{os.Args[0]}, r.flags.Args...),
		Env:       guestEnvironment(os.Environ(), r.dir),
		Dir:       r.dir,
		OneStream: sameFile(os.Stdout, os.Stderr),
		Mkdir:     r.flags.Mkdir,
		Collect:   r.flags.Collect,
	})
}

func addIfThere(p *wire.Packer, path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return p.AddTree(path, nil)
}

// sameFile tells whether two files lead to one place, as the go command has it
// for a test's output: then the order of what is written to both matters.
func sameFile(a, b *os.File) bool {
	x, errX := a.Stat()
	y, errY := b.Stat()
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// storeResult writes a file that came back to where the tests' flags want it.
// The guest can name no other place.
func (r *run) storeResult(head *tar.Header, content io.Reader) error {
	path := filepath.Clean("/" + head.Name)
	asked := slices.ContainsFunc(r.flags.Collect, func(want string) bool {
		return path == want || strings.HasPrefix(path, want+"/")
	})
	if !asked || head.Typeflag != tar.TypeReg {
		return fmt.Errorf("the guest sent %s (type %q), which nothing had asked for", path, head.Typeflag)
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return writeTo(path, content) // such as /dev/stdout
	}
	return replace(path, content)
}

func writeTo(path string, content io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}

// replace writes a file as a whole or not at all.
func replace(path string, content io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = io.Copy(f, content)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
