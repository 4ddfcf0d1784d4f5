package host

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/u-root/u-root/pkg/ldd"

	"github.com/kmodtest/kmodtest/harness/internal/initramfs"
	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// run is one run of a package's tests.
type run struct {
	request.Request
	env    environment
	tests  string // the test binary for the guest
	cache  string // the project's directory in the user's cache
	trace  *trace
	stdout io.Writer
	stderr io.Writer

	allowed  []*regexp.Regexp            // of Config.Allow
	fuzzing  atomic.Pointer[wire.Writer] // to the guest in which tests fuzz, until they are interrupted
	places   places
	platform platform // known once the kernel is

	kernelLogsMu sync.Mutex      // of what follows, and of the file with it
	kernelLogs   strings.Builder // for KMODTEST_KERNEL_LOG
}

// do runs the tests. The error is nil when everything passed.
func (r *run) do(ctx context.Context) error {
	spec, err := r.prepare(ctx)
	if err != nil {
		return interruptedOr(ctx, err)
	}
	src := &source{run: r, spec: spec}
	defer src.close()
	if r.env.Fresh == "test" || r.env.Fresh == "" && r.Config.Fresh {
		err = r.doFresh(ctx, src)
	} else {
		err = r.doShared(ctx, src)
	}
	return errors.Join(err, r.trace.show(r))
}

// silence is how long a machine may show no sign of life.
func (r *run) silence(accel qemu.Accel) time.Duration {
	if r.env.Silence != 0 {
		return r.env.Silence
	}
	return usualSilence(accel)
}

func interruptedOr(ctx context.Context, err error) error {
	var interrupt *interruptError
	if errors.As(context.Cause(ctx), &interrupt) {
		return interruption(interrupt)
	}
	return err
}

// job is one start of the test binary, in a machine of its own.
type job struct {
	flags    testFlags
	env      []string // beside the host's
	turns    string   // the top-level tests that are to run, as inside.TurnsVariable has it
	narrator *narrator
	stderr   io.Writer
	lane     lane
	// kept are files that come back and are kept here, under their names in
	// the guest, and keep is called when they have; it may be nil.
	kept map[string]*bytes.Buffer
	keep func()
	// fresh is called for a test that asks for a machine of its own; nil where
	// each has one.
	fresh func(*machine, wire.FreshTest)
}

// attempt does a job. It returns the machine, which has ended, and why the job
// did not pass; the machine is nil where there was none.
func (r *run) attempt(ctx context.Context, src *source, j job) (*machine, error) {
	end := j.lane.phase("restore or boot")
	m, hasFiles, err := src.machine(ctx, j.flags.Fuzzes)
	end()
	if m == nil {
		return nil, interruptedOr(ctx, err)
	}
	defer m.forget()
	m.course.allowed = r.allowed
	j.narrator.follow(m.course)
	if err == nil {
		m.stdout, m.stderr, m.lane = j.narrator, j.stderr, j.lane
		m.heard = func() error { return j.hear(m) }
		m.files.Create = results{j.flags.Collect, j.kept}.create
		m.fresh = func(test wire.FreshTest) { j.fresh(m, test) }
		err = r.converse(m, j, hasFiles)
	}
	end = j.lane.phase("exit")
	m.stop()
	end()
	return m, j.settle(m, filepath.Join(r.Dir, "testdata", "fuzz"), err)
}

// errFailFast ends the machines of tests behind the first that failed.
var errFailFast = errors.New("a test before this one has failed")

// hear goes on where the output waits for the kernel's log.
func (j job) hear(m *machine) error {
	err := j.narrator.pump(false)
	if err == nil && j.narrator.first && j.narrator.faulty {
		m.cancel(errFailFast) // the guest knows nothing of the fault
	}
	return err
}

// settle has the last word on a job's tests, of which the machine has ended.
// Inputs that it has died of go to a corpus.
func (j job) settle(m *machine, corpus string, err error) error {
	m.readConsole()
	_, answers := m.console.parts()
	told := j.narrator.flush()
	if d := m.death(err); told == nil && d != nil {
		m.goesOn = m.canGoOn()
		d.account = m.account(answers)
		if m.exit == nil { // else its workers have ended, and others have their memory
			d.account += m.keepInputs(corpus)
		}
		told = j.narrator.crash(*d)
	} else if m.late.Load() && m.exit != nil && !m.exit.Finished {
		told = errors.Join(told, output(j.stderr, []byte(m.account(answers))))
	}
	if j.keep != nil {
		j.keep()
	}
	return errors.Join(m.judge(err), told)
}

// converse leads a ready machine through a job, up to the guest's last word.
func (r *run) converse(m *machine, j job, hasFiles bool) error {
	end := j.lane.phase("upload")
	var err error
	if !hasFiles {
		err = r.sendFiles(m.out, j.flags)
	}
	if err == nil {
		err = r.sendJob(m, j)
	}
	end()
	if err != nil {
		return m.explain(fmt.Errorf("send the job: %w", err))
	}
	relay := relayQuit(m.out)
	defer relay.stop()
	if j.flags.Fuzzes {
		r.fuzzing.Store(m.out)
		defer r.fuzzing.Store(nil)
	}
	return m.awaitDone(j.flags.Timeout)
}

// sendFiles sends the test binary and what it needs.
func (r *run) sendFiles(out *wire.Writer, flags testFlags) error {
	if err := out.SendFile(r.tests, r.tests); err != nil {
		return err
	}
	libraries, err := ldd.FList(r.tests)
	if err != nil {
		return fmt.Errorf("find the shared libraries of %s: %w", r.tests, err)
	}
	paths := slices.Concat(libraries, []string{filepath.Join(r.Dir, "testdata")}, flags.Bring)
	files, err := initramfs.FollowLinks(slices.DeleteFunc(paths, func(path string) bool {
		_, err := os.Stat(path)
		return errors.Is(err, fs.ErrNotExist)
	}))
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := out.SendFile(f.Path, f.Path); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) sendJob(m *machine, j job) error {
	entropy := make([]byte, 64)
	// It never fails: see crypto/rand.
	_, _ = rand.Read(entropy)
	return m.out.WriteMessage(wire.Job, &wire.Work{
		Time:       time.Now().UnixNano(),
		Entropy:    string(entropy),
		Mark:       m.course.word,
		Timeout:    j.flags.Timeout.Nanoseconds(),
		TimerSlack: timerSlack(m.spec.Accel).Nanoseconds(),
		Path:       r.tests,
		Args:       append([]string{r.Name}, j.flags.Args...),
		Env:        append(guestEnvironment(os.Environ(), r.Dir), j.environment()...),
		Dir:        r.Dir,
		OneStream:  sameFile(os.Stdout, os.Stderr),
		Mkdir:      j.flags.Mkdir,
		Collect:    j.flags.Collect,
	})
}

// timerSlack is how much later than asked for the program's sleeps may end; 0
// stands for the kernel's default. Go's scheduler sleeps for 20 µs again and
// again, and each time TCG has to set a timer of its own, in another thread: with
// the default of 50 µs that is a sixth of all that a run costs.
func timerSlack(accel qemu.Accel) time.Duration {
	if accel == qemu.TCG {
		return 2 * time.Millisecond
	}
	return 0
}

// sameFile tells whether two files lead to one place, as the go command has it
// for a test's output: then the order of what is written to both matters.
func sameFile(a, b *os.File) bool {
	x, errX := a.Stat()
	y, errY := b.Stat()
	return errX == nil && errY == nil && os.SameFile(x, y)
}
