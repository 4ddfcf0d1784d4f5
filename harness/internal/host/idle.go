package host

import (
	"context"
	"os"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/request"
)

// Idle restores machines that a run with that request could use, calls look with
// the numbers of their processes, and ends them. It is for measuring.
func Idle(ctx context.Context, asked request.Request, machines int, look func(pids []int) error) error {
	r := &run{Request: asked, trace: newTrace(time.Now()), stdout: os.Stdout, stderr: os.Stderr}
	if err := r.setUp(); err != nil {
		return err
	}
	spec, err := r.prepare(ctx)
	if err != nil {
		return err
	}
	src := &source{run: r, spec: spec}
	defer src.close()
	var pids []int
	ctx, cancel := context.WithCancel(ctx) // ends the machines
	defer cancel()
	for range machines {
		m, _, err := src.machine(ctx, false)
		if err != nil {
			return err
		}
		pids = append(pids, m.process.PID())
	}
	return look(pids)
}
