package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/request"
)

// plan is which tests run, in which order, as the test binary says.
type plan struct {
	request.PlanHead
	steps   []request.PlanStep
	shuffle string // the line in which the testing package says how it shuffled
}

// askPlan asks the test binary, here on the host.
func (r *run) askPlan(ctx context.Context) (*plan, error) {
	pr, pw, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("ask which tests there are: %w", err)
	}
	defer pr.Close()
	q := r.Request
	for _, name := range append([]string{"test.bench", "test.gocoverdir", "test.v", "test.testlogfile", "test.paniconexit0"}, outputFlags...) {
		q = q.Without(name)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, r.Binary)
	for _, f := range q.Flags {
		cmd.Args = append(cmd.Args, f.String())
	}
	cmd.Args = append(append(cmd.Args, "--"), r.Rest...)
	cmd.Env = append(os.Environ(), request.PlanVariable+"=1")
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = &stdout, &stderr, []*os.File{pw}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err = cmd.Start()
	pw.Close()
	if err != nil {
		return nil, fmt.Errorf("ask which tests there are: %w", err)
	}
	p := &plan{}
	readErr := p.read(json.NewDecoder(pr))
	if err := errors.Join(readErr, cmd.Wait()); err != nil {
		return nil, fmt.Errorf("ask the test binary which tests there are: %w\n%s%s", err, &stdout, &stderr)
	}
	for line := range strings.Lines(stdout.String()) {
		if strings.HasPrefix(line, "-test.shuffle ") {
			p.shuffle = line
		}
	}
	return p, nil
}

func (p *plan) read(in *json.Decoder) error {
	if err := in.Decode(&p.PlanHead); err != nil {
		return err
	}
	for {
		var step request.PlanStep
		if err := in.Decode(&step); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		p.steps = append(p.steps, step)
	}
}

func isTest(name string) bool { return strings.HasPrefix(name, "Test") }

// units divides the tests among machines.
func (p *plan) units(benchmarks bool) []*unit {
	var units []*unit
	others := benchmarks
	for _, step := range p.steps {
		if isTest(step.Name) {
			units = append(units, newUnit(step.Name, step.Procs))
		} else {
			others = true
		}
	}
	if others {
		units = append(units, newUnit("", 0))
	}
	return units
}

// request returns the request for one unit: the user's, with all that is not the
// unit's left out. The user's own patterns stay, as they may choose subtests.
func (p *plan) request(r request.Request, u *unit) request.Request {
	var skip []string
	if pattern := r.Values["test.skip"]; pattern != "" {
		skip = append(skip, pattern)
	}
	var names []string
	for _, name := range p.Names {
		if name != u.name && (u.name != "" || isTest(name)) {
			names = append(names, regexp.QuoteMeta(name))
		}
	}
	if len(names) > 0 {
		skip = append(skip, "^("+strings.Join(names, "|")+")$")
	}
	q := r.Without("test.shuffle").Without("test.fuzz").With("test.skip", strings.Join(skip, "|"))
	if u.name != "" {
		q = q.With("test.count", "1").With("test.cpu", strconv.Itoa(u.procs))
	}
	if timeout, err := time.ParseDuration(r.Values["test.timeout"]); err == nil && timeout > 0 {
		q = q.With("test.timeout", max(timeout-time.Since(r.Started), time.Second).String())
	}
	if p.CoverMode != "" {
		q = q.With("test.coverprofile", unitProfile)
	}
	return q
}

// unitProfile is where, in the guest, the cover profile of a unit lies.
const unitProfile = "/tmp/kmodtest-cover"

// sharedFiles are flags for files that each machine would write anew, and which
// nobody can put together.
var sharedFiles = []string{
	"test.cpuprofile", "test.memprofile", "test.blockprofile", "test.mutexprofile", "test.trace", "test.fuzz",
}

// refuseFlags is the error for flags that need one machine for all tests.
func refuseFlags(r request.Request) error {
	i := slices.IndexFunc(sharedFiles, func(name string) bool { return r.Values[name] != "" })
	if i < 0 {
		return nil
	}
	return failf(HostBroke, nil, "-%s wants one machine for all tests, but each test is to have one of its own", strings.TrimPrefix(sharedFiles[i], "test.")).
		advise("KMODTEST_FRESH=off runs all tests in one machine")
}
