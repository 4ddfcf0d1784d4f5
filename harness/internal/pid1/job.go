package pid1

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
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
	taken   blockingFile // see inside.TakenFile
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
	if err := writeFile(inside.MarkFile, work.Mark); err != nil {
		return nil, err
	}
	p := &process{}
	stdin, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	taken, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, err
	}
	p.taken = blockingFile(taken)
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
	if err := setTimerSlack(work.TimerSlack); err != nil {
		return nil, err
	}
	p.pid, err = syscall.ForkExec(work.Path, work.Args, &syscall.ProcAttr{
		Dir:   work.Dir,
		Env:   append(work.Env, inside.ResultVariable+"="+resultFile, inside.MarkVariable+"="+work.Mark),
		Files: []uintptr{stdin.Fd(), stdout.Fd(), stderr.Fd(), inside.TakenFile: uintptr(taken)},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", work.Path, err)
	}
	return p, nil
}

// setTimerSlack has the sleeps of what the calling thread starts end up to so
// many nanoseconds late, and of all that it starts in turn; 0 is the default. The
// thread is the calling goroutine's alone from now on.
func setTimerSlack(slack int64) error {
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0); err != nil {
		return fmt.Errorf("set timer slack: %w", err)
	}
	return nil
}

// stream returns the writing end of a pipe that is copied to w. What is taken out
// of the pipe has been written: whoever sees it empty knows that.
func (p *process) stream(w io.Writer) (*os.File, error) {
	var ours, copies [2]int // each a reading and a writing end
	if err := unix.Pipe2(ours[:], unix.O_CLOEXEC); err != nil {
		return nil, err
	}
	if err := unix.Pipe2(copies[:], unix.O_CLOEXEC); err != nil {
		return nil, err
	}
	p.streams.Go(func() {
		// An error means that the host is gone; the main loop sees it, too.
		_ = copyPipe(w, ours[0], copies, p.taken)
		for _, fd := range []int{ours[0], copies[0], copies[1]} {
			_ = unix.Close(fd)
		}
	})
	return os.NewFile(uintptr(ours[1]), "stream"), nil
}

// copyPipe writes to w what is in a pipe, and then takes it out and tells taken,
// until the pipe ends. copies is a pipe to look at it in between.
func copyPipe(w io.Writer, pipe int, copies [2]int, taken io.Writer) error {
	buf := make([]byte, 64<<10)
	one := binary.NativeEndian.AppendUint64(nil, 1)
	for {
		n, err := unix.Tee(pipe, copies[1], len(buf), 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			return err
		}
		piece := buf[:n]
		if _, err := io.ReadFull(blockingFile(copies[0]), piece); err != nil {
			return err
		}
		if _, err := w.Write(piece); err != nil {
			return err
		}
		if _, err := io.ReadFull(blockingFile(pipe), piece); err != nil {
			return err
		}
		if _, err := taken.Write(one); err != nil {
			return err
		}
	}
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
	_ = unix.Close(int(p.taken))
	status.Finished = finished(status.Code)
	return status
}

// finished tells whether the test binary has left the exit code of its regular
// end, and then left with it.
func finished(code int) bool {
	b, err := os.ReadFile(resultFile)
	return err == nil && string(b) == strconv.Itoa(code)
}
