package pid1

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/settings"
	"github.com/kmodtest/kmodtest/harness/internal/stdin"
	"github.com/kmodtest/kmodtest/harness/internal/stdout"
	"github.com/kmodtest/kmodtest/harness/internal/system"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// process is the job's running program.
type process struct {
	pid     int
	word    string // see inside.ResultVariable
	streams sync.WaitGroup
	taken   system.File    // see inside.TakenFile
	result  system.File    // the other end of inside.ResultFile
	events  *stdout.Events // of a test binary without our code; else nil
	program bool           // not a test binary
}

// variables returns the variables that harness.Main reads.
func (p *process) variables(work wire.Work) []string {
	if work.Events || work.Program {
		return nil
	}
	return []string{inside.ResultVariable + "=" + p.word, inside.MarkVariable + "=" + work.Mark}
}

// stdout returns the program's standard output.
func (p *process) stdout(work wire.Work, out *wire.Writer) (*os.File, error) {
	p.program = work.Program
	if !work.Events {
		return stdout.Open(&p.streams, out.Stream(wire.Stdout), p.taken)
	}
	marks, err := inside.NewMarker(inside.KernelLog, work.Mark)
	if err != nil {
		return nil, err
	}
	p.events = stdout.NewEvents(out, marks)
	return p.events.Open(&p.streams)
}

// stdio are a program's standard input, output and error. One file may be several of
// them.
type stdio [3]*os.File

// close closes this process's copies.
func (s stdio) close() {
	for _, f := range s {
		if f != nil {
			_ = f.Close() // it may be closed already
		}
	}
}

// open makes the files of the program, and starts the goroutines that copy them from
// and to the host.
func (p *process) open(work wire.Work, out *wire.Writer, in *stdin.Input) (files stdio, err error) {
	defer func() {
		if err != nil {
			files.close()
		}
	}()
	if work.Terminal {
		p.program = work.Program
		ours, theirs, err := in.OpenTerminal()
		if err != nil {
			return files, err
		}
		p.streams.Go(func() {
			// The end is EIO, when no process has the terminal open. Another error
			// means that the host is gone, which the main loop also sees.
			_, _ = io.Copy(out.Stream(wire.Stdout), ours)
		})
		return stdio{theirs, theirs, theirs}, nil
	}
	if work.Input {
		files[0], err = in.OpenPipe()
	} else {
		files[0], err = os.Open(os.DevNull)
	}
	if err != nil {
		return files, err
	}
	if files[1], err = p.stdout(work, out); err != nil {
		return files, err
	}
	files[2] = files[1]
	if !work.OneStream {
		files[2], err = stdout.Open(&p.streams, out.Stream(wire.Stderr), p.taken)
	}
	return files, err
}

// start starts the program and the goroutines that copy its input and output. channel is
// the channel's file descriptor.
func start(work wire.Work, channel int, out *wire.Writer, in *stdin.Input) (*process, error) {
	for _, dir := range append(work.Mkdir, work.Dir) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	if err := system.WriteFile(inside.MarkFile, work.Mark); err != nil {
		return nil, err
	}
	if err := settings.Apply(work.Settings); err != nil {
		return nil, err
	}
	word, err := oneTimeWord()
	if err != nil {
		return nil, err
	}
	p := &process{word: word}
	taken, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, err
	}
	p.taken = system.File(taken)
	var result [2]int // the read end and the write end
	if err := unix.Pipe2(result[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, err
	}
	p.result = system.File(result[0])
	defer unix.Close(result[1])
	files, err := p.open(work, out, in)
	if err != nil {
		return nil, err
	}
	defer files.close()
	if err := setTimerSlack(work.TimerSlack); err != nil {
		return nil, err
	}
	p.pid, err = syscall.ForkExec(work.Path, work.Args, &syscall.ProcAttr{
		Dir:   work.Dir,
		Env:   append(p.variables(work), work.Env...), // os.Getenv returns the first of several variables of one name
		Files: descriptors(work, files, taken, channel, result[1]),
		Sys:   &syscall.SysProcAttr{Setsid: true, Setctty: work.Terminal}, // the terminal is descriptor 0
	})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", work.Path, err)
	}
	return p, nil
}

// descriptors returns the files that the program inherits. Only a test binary with our
// code knows those that are not standard.
func descriptors(work wire.Work, files stdio, taken, channel, result int) []uintptr {
	inherited := []uintptr{
		files[0].Fd(), files[1].Fd(), files[2].Fd(),
		inside.TakenFile: uintptr(taken), inside.ChannelFile: uintptr(channel),
		inside.ResultFile: uintptr(result),
	}
	if work.Events || work.Program {
		return inherited[:3]
	}
	return inherited
}

// oneTimeWord returns a random word that no other job has.
func oneTimeWord() (string, error) {
	var random [16]byte
	if _, err := unix.Getrandom(random[:], 0); err != nil {
		return "", fmt.Errorf("get random bytes: %w", err)
	}
	return hex.EncodeToString(random[:]), nil
}

// setTimerSlack lets the sleeps of the calling thread, and of all processes that
// it starts, end up to slack nanoseconds late; 0 means the default. It locks the
// calling goroutine to the thread.
func setTimerSlack(slack int64) error {
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0); err != nil {
		return fmt.Errorf("set timer slack: %w", err)
	}
	return nil
}

// wait waits for the program to end and kills all processes that it left behind. It
// returns when all of their output has gone to the host. As PID 1 it reaps every
// orphan.
func (p *process) wait() wire.Status {
	status := wire.Status{Code: -1, Error: "its exit status is unknown"}
	for {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, 0, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			break // ECHILD: no process is left
		}
		if pid != p.pid {
			continue
		}
		if ws.Signaled() {
			status = wire.Status{Code: -1, Signal: int(ws.Signal())}
		} else {
			status = wire.Status{Code: ws.ExitStatus()} // 0 to 255
		}
		// An error means that there is no process to kill.
		_ = unix.Kill(-1, unix.SIGKILL)
	}
	p.streams.Wait()
	_ = unix.Close(int(p.taken))
	status.Finished = status.Error == "" && status.Signal == 0 && p.finished(status.Code)
	_ = unix.Close(int(p.result))
	return status
}

// finished reports whether the program came to its regular end with an exit code.
func (p *process) finished(code int) bool {
	switch {
	case p.program:
		return true
	case p.events != nil:
		return p.events.Finished(code)
	}
	return holds(p.result, inside.Result(p.word, code))
}

// holds reports whether a pipe that is not blocking holds exactly the text want.
func holds(pipe system.File, want string) bool {
	buf := make([]byte, len(want)+1)
	n, err := pipe.Read(buf)
	return err == nil && string(buf[:n]) == want
}
