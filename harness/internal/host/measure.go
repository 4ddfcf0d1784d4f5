package host

import (
	"context"

	"github.com/kmodtest/kmodtest/harness/internal/request"
)

// Idle restores several machines, as a run with that request would, calls look
// with the process IDs of QEMU, and ends the machines. It is for measurements.
func Idle(ctx context.Context, asked request.Request, machines int, look func(pids []int) error) error {
	r := newRun(asked)
	if err := r.setUp(); err != nil {
		return err
	}
	config, err := r.prepare(ctx)
	if err != nil {
		return err
	}
	src := r.source(config)
	defer src.Close()
	var pids []int
	ctx, cancel := context.WithCancel(ctx) // ends the machines
	defer cancel()
	for range machines {
		m, err := src.Machine(ctx, false)
		if err != nil {
			return err
		}
		pids = append(pids, m.PID())
	}
	return look(pids)
}
