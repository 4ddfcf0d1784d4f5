package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/kmodtest/kmodtest/harness/internal/coverprofile"
	"github.com/kmodtest/kmodtest/harness/internal/fuzzinput"
	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/interruption"
	"github.com/kmodtest/kmodtest/harness/internal/machine"
	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/resultfile"
	"github.com/kmodtest/kmodtest/harness/internal/testflags"
	"github.com/kmodtest/kmodtest/harness/internal/testoutput"
	"github.com/kmodtest/kmodtest/harness/internal/upload"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// job is one start of the test binary in one machine. It is the machine's Client.
type job struct {
	run      *run
	group    *group
	reporter *testoutput.Reporter
	flags    testflags.Flags
	turns    string // the top-level tests that run, as inside.TurnsVariable holds them
	profile  bytes.Buffer
	machine  *machine.Machine
	observed observation

	outcome     *machine.Outcome // nil if there was no machine
	explanation string           // of the fault that ended the machine; lines, or empty
	goesOn      bool             // another machine runs the remaining tests
}

// newJob returns the job that runs the selected tests of a group.
func (r *run) newJob(g *group, s testoutput.Selection, reporter *testoutput.Reporter) *job {
	q := withSelection(g.request, s, r.Request)
	return &job{run: r, group: g, reporter: reporter, flags: testflags.Read(q), turns: s.Turns}
}

// do does the job, and returns why it did not pass.
func (j *job) do(ctx context.Context, src machines) error {
	end := j.group.thread.Phase("restore or boot")
	m, err := src.Machine(ctx, j.flags.Fuzzes || j.run.coverage != nil)
	end()
	if m == nil {
		return interruption.Or(ctx, err)
	}
	defer m.Close()
	j.machine = m
	m.Timeline.Late = j.run.Kind == request.Foreign
	j.reporter.Follow(m.Timeline)
	for _, name := range m.Missed { // before this job
		err = errors.Join(err, j.Missing(name))
	}
	if err == nil {
		err = j.runIn(m)
	}
	end = j.group.thread.Phase("exit")
	m.Stop()
	end()
	j.observed.note(err)
	outcome := m.Outcome(err)
	j.explanation = j.explain(ctx, src, outcome)
	err = j.settle(outcome)
	j.observed.close()
	if j.group.member != nil {
		j.group.member.Leave(err)
	}
	return err
}

func (j *job) runIn(m *machine.Machine) error {
	defer relayQuit(m)()
	if j.flags.Fuzzes {
		j.run.fuzzing.Store(m)
		defer j.run.fuzzing.Store(nil)
	}
	work := machine.Job{
		Work: j.work(), Upload: func(out *wire.Writer) error {
			return upload.Tests(out, j.run.guest.tests, j.run.Dir, j.flags.Bring, j.run.guest.host, j.run.guest.memory)
		},
		Timeout: j.flags.Timeout, Client: j, Thread: j.group.thread,
	}
	if member := j.group.member; member != nil {
		work.NIC = member.NIC()
	}
	if shell := j.run.Shell; shell != nil {
		work.Upload = func(out *wire.Writer) error { return upload.Shell(out, *shell) }
		defer j.run.attachment.Attach(m, &work)()
	}
	if j.group.settings != nil { // nobody waits for what this machine does
		return m.Run(work)
	}
	end, err := j.observed.begin(j, m, &work)
	if err != nil {
		return err
	}
	defer end()
	return m.Run(work)
}

// work returns the program to run.
func (j *job) work() wire.Work {
	r := j.run
	env := slices.Concat(r.guest.env, j.group.env)
	if r.Kind == request.OwnMain {
		env = append(env, inside.TurnsVariable+"="+j.turns)
	}
	return wire.Work{
		Path:      r.guest.tests.Name(),
		Args:      append([]string{r.Name}, j.flags.Args...),
		Env:       env,
		Dir:       r.Dir,
		Events:    r.Kind == request.Foreign,
		Program:   r.Kind == request.Program,
		OneStream: sameFile(os.Stdout, os.Stderr),
		Settings:  j.group.settings,
		Mkdir:     append(r.guest.keep.Mkdir(), j.flags.Mkdir...),
		Expose:    r.guest.host.View.Exposed(),
		Collect:   j.flags.Collect(),
		Keep:      r.guest.keep.Patterns(),
	}
}

// settle ends the tests that were running when the machine ended, and returns
// why the job did not pass.
func (j *job) settle(outcome machine.Outcome) error {
	j.outcome = &outcome
	err := errors.Join(j.observed.keepImage(), j.reporter.Flush())
	if d := outcome.Death(); err == nil && d != nil {
		j.goesOn = outcome.CanGoOn()
		d.Account = j.observed.ofDeath + j.explanation + outcome.Account()
		if !outcome.Exited() { // otherwise its workers have ended, and their memory may have been reused
			d.Account += fuzzinput.Keep(filepath.Join(j.run.Dir, "testdata", "fuzz"), outcome.FuzzInputs())
		}
		err = j.reporter.Died(*d)
	} else if j.run.Kind == request.Foreign && outcome.DiedBetween() { // probably the test that begins next killed it
		j.group.unmarked++
		j.goesOn = j.group.unmarked <= maxUnmarked
	} else if outcome.LateExit() {
		err = errors.Join(err, j.Stderr([]byte(outcome.Account())))
	}
	if j.group.settings == nil {
		err = errors.Join(err, j.keepProfile(), j.run.coverage.Add(outcome.Memory()))
	}
	evidence := outcome.Evidence(j.goesOn)
	evidence.Running = append(evidence.Running, j.reporter.Running()...)
	if f := verdict.Judge(evidence); f != nil {
		return errors.Join(f, err)
	}
	return err
}

// keepProfile keeps the cover profile of the machine for the end of the run.
func (j *job) keepProfile() error {
	if j.group.profile == "" {
		return nil
	}
	text := bytes.Clone(j.profile.Bytes())
	if j.run.profiles.Add(int64(len(text))) > coverprofile.MaxTotal {
		return verdict.Failf(verdict.HostBroke, nil, "the cover profiles of the machines have more than %d MiB", coverprofile.MaxTotal>>20)
	}
	j.group.profiles = append(j.group.profiles, coverprofile.Profile{Of: j.group.machineName(), Text: text})
	return nil
}

// Stdout passes output of the tests to the Reporter.
func (j *job) Stdout(p []byte) error {
	if j.run.Shell != nil {
		return writeOutput(j.run.stdout, p)
	}
	_, err := j.reporter.Write(p)
	if errors.Is(err, testoutput.ErrTooMany) {
		return &wire.GarbledError{Err: err}
	}
	return err
}

// Stderr prints output of the tests.
func (j *job) Stderr(p []byte) error { return writeOutput(j.group.stderr, p) }

// Taken lets the next piece of input go to the program.
func (j *job) Taken() error {
	if j.run.attachment == nil {
		return &wire.GarbledError{Err: errors.New("the guest has taken input, but there was none")}
	}
	return j.run.attachment.Taken()
}

// errFailFast ends the machines of the tests after the first failed test.
var errFailFast = errors.New("a test before this one has failed")

// Advance prints the output that waited for the kernel log.
func (j *job) Advance() error {
	j.observed.takeImage()
	err := j.reporter.Advance()
	if err == nil && j.reporter.Stopped() {
		j.machine.Cancel(errFailFast) // the guest does not know of the fault
	}
	j.endAfterPeer()
	return err
}

// Create makes a file that the guest sends back.
func (j *job) Create(head wire.FileHead) (wire.Sink, error) {
	if path := filepath.Clean("/" + head.Name); path == j.group.profile && head.Mode.IsRegular() {
		j.profile.Reset()
		return memorySink{&j.profile}, nil
	}
	sink, err := resultfile.Create(head, j.flags.Results)
	if errors.Is(err, resultfile.ErrNotAsked) {
		if kept, ok, err := j.run.guest.keep.Create(head); ok {
			return kept, err
		}
	}
	return sink, err
}

// Fresh runs a test in fresh machines.
func (j *job) Fresh(test wire.FreshTest) error {
	if j.group.fresh != nil {
		return j.group.fresh(j.machine, test)
	}
	if test.Machines == 1 || j.run.requested.number.Add(1) > maxAsked {
		return errIsFresh(test)
	}
	m := j.machine
	go func() { // the guest may not take it
		_ = m.Answer(wire.Answer{ID: test.ID, Text: "the test already runs in a fresh machine"})
	}()
	return nil
}

func writeOutput(w io.Writer, p []byte) error {
	if _, err := w.Write(p); err != nil {
		return fmt.Errorf("write the tests' output: %w", err)
	}
	return nil
}

// sameFile reports whether two files are the same, as the go command sets up a
// test's standard output and error: then the order of writes to both matters.
func sameFile(a, b *os.File) bool {
	x, errX := a.Stat()
	y, errY := b.Stat()
	return errX == nil && errY == nil && os.SameFile(x, y)
}
