package pid1

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// process is the job's program while it runs.
type process struct {
	pid     int
	streams sync.WaitGroup
}

// resultFile is where a test binary leaves its exit code at its regular end.
const resultFile = "/run/kmodtest/result"

// start starts the program and the streams that carry its output to the host.
func start(work wire.Work, out *wire.Writer) (*process, error) {
	for _, dir := range append(work.Mkdir, work.Dir) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	p := &process{}
	stdin, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	stdout, err := p.stream(out.Stream(wire.Stdout))
	if err != nil {
		return nil, err
	}
	defer stdout.Close()
	stderr := stdout
	if !work.OneStream {
		if stderr, err = p.stream(out.Stream(wire.Stderr)); err != nil {
			return nil, err
		}
		defer stderr.Close()
	}
	p.pid, err = syscall.ForkExec(work.Path, work.Args, &syscall.ProcAttr{
		Dir:   work.Dir,
		Env:   append(work.Env, inside.ResultVariable+"="+resultFile),
		Files: []uintptr{stdin.Fd(), stdout.Fd(), stderr.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", work.Path, err)
	}
	return p, nil
}

// stream returns the writing end of a pipe that is copied to w.
func (p *process) stream(w io.Writer) (*os.File, error) {
	r, end, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.streams.Go(func() {
		defer r.Close()
		// An error means that the host is gone; the main loop sees it, too.
		_, _ = io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, make([]byte, 64<<10))
	})
	return end, nil
}

// wait waits for the program's end, then ends all that it has left behind, and
// returns when the last byte of its output has gone to the host. It reaps every
// orphan on its way, which is PID 1's duty.
func (p *process) wait() wire.Status {
	status := wire.Status{Code: -1}
	for {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, 0, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			break // ECHILD: nobody is left
		}
		if pid != p.pid {
			continue
		}
		if ws.Signaled() {
			status.Signal = int(ws.Signal())
		} else {
			status.Code = ws.ExitStatus()
		}
		// No error matters: nobody left to signal is just as good.
		_ = unix.Kill(-1, unix.SIGKILL)
	}
	p.streams.Wait()
	status.Finished = finished(status.Code)
	return status
}

// finished tells whether the test binary has left the exit code of its regular
// end, and then left with it.
func finished(code int) bool {
	b, err := os.ReadFile(resultFile)
	return err == nil && string(b) == strconv.Itoa(code)
}
