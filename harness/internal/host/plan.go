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
	"strings"
	"syscall"

	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/testflags"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
)

// plan lists the tests that run, in their order.
type plan struct {
	request.PlanHead
	steps   []request.PlanStep
	shuffle string // the testing package's line about the order; "" if it does not shuffle
}

// askPlan runs the test binary on the host and gets the tests that it would run.
func (r *run) askPlan(ctx context.Context) (*plan, error) {
	if r.Kind != request.OwnMain { // its tests would run on the host
		return nil, verdict.Failf(verdict.HostBroke, nil, "fresh machines require a TestMain that calls harness.Main").
			Advise("without --fresh, and with KMODTEST_FRESH=off, the tests share a machine")
	}
	pr, pw, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("ask which tests there are: %w", err)
	}
	defer pr.Close()
	q := r.Request
	for _, name := range append([]string{"test.bench", "test.gocoverdir", "test.v", "test.testlogfile", "test.paniconexit0"}, testflags.Output...) {
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
		return nil, fmt.Errorf("list the tests of the test binary: %w\n%s%s", err, &stdout, &stderr)
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
