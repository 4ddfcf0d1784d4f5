// Package attach connects the user's standard input and terminal with a program in a guest.
package attach

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/kmodtest/kmodtest/harness/internal/machine"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Attachment connects standard input, and the terminal if there is one, with a program
// in a guest.
type Attachment struct {
	raw   atomic.Bool   // the terminal is in raw mode
	sent  atomic.Bool   // the guest has not taken the last piece of input
	taken chan struct{} // it has, and the next one can be sent
}

// New returns an attachment, which is for one job.
func New() *Attachment { return &Attachment{taken: make(chan struct{}, 1)} }

// Attach adds to a job what its program needs. The caller calls the returned function
// when the job has ended.
func (a *Attachment) Attach(m *machine.Machine, j *machine.Job) (detach func()) {
	stdin, stdout := int(os.Stdin.Fd()), int(os.Stdout.Fd())
	j.Work.Input = true
	j.Work.Terminal = term.IsTerminal(stdin) && term.IsTerminal(stdout)
	if !j.Work.Terminal {
		j.Started = func() error {
			go a.copyInput(m, os.Stdin)
			return nil
		}
		return func() {}
	}
	j.Work.Window = windowSize(stdout)
	resized := make(chan os.Signal, 1)
	var state *term.State
	in := machine.InputOf(m)
	j.Started = func() (err error) {
		if state, err = term.MakeRaw(stdin); err != nil {
			return fmt.Errorf("set the terminal to raw mode: %w", err)
		}
		a.raw.Store(true)
		signal.Notify(resized, syscall.SIGWINCH)
		go a.copyInput(m, os.Stdin)
		go func() {
			for range resized {
				// The reader of the channel reports an error of it.
				_ = in.Resize(windowSize(stdout))
			}
		}()
		resized <- syscall.SIGWINCH // it may have changed since
		return nil
	}
	return func() {
		signal.Stop(resized)
		close(resized)
		if state != nil {
			// What the terminal has answered to a program in the guest is not for
			// the user's shell. An error cannot be handled: kmodtest shell restores
			// the mode, too.
			_ = unix.IoctlSetInt(stdin, unix.TCFLSH, unix.TCIFLUSH)
			_ = term.Restore(stdin, state)
			a.raw.Store(false)
		}
	}
}

// windowSize returns the size of a terminal.
func windowSize(fd int) wire.Window {
	columns, rows, err := term.GetSize(fd)
	if err != nil {
		return wire.Window{}
	}
	return wire.Window{Rows: rows, Columns: columns}
}

// copyInput sends input to the program until it ends. Only one piece is on its way, so
// a program that does not read its input does not hold up the channel.
func (a *Attachment) copyInput(m *machine.Machine, input io.Reader) {
	in := machine.InputOf(m)
	var keys escape
	buf := make([]byte, wire.MaxInput)
	for {
		n, err := input.Read(buf)
		if a.raw.Load() && keys.pressed(buf[:n], time.Now()) {
			m.Cancel(&verdict.InterruptError{Signal: syscall.SIGINT})
			return
		}
		if n > 0 {
			a.sent.Store(true)
			if in.Send(buf[:n]) != nil { // the reader of the channel reports the error
				return
			}
		}
		if err != nil {
			_ = in.Send(nil)
			return
		}
		if n > 0 {
			<-a.taken
		}
	}
}

// Taken lets the next piece of input go. It returns a *wire.GarbledError if no piece
// is on its way.
func (a *Attachment) Taken() error {
	if !a.sent.Swap(false) {
		return &wire.GarbledError{Err: errors.New("the guest has taken input that was not sent")}
	}
	a.taken <- struct{}{} // it has room: the last one is received before another piece is sent
	return nil
}

// escape recognizes that the user wants to leave a guest that does not respond: Ctrl-]
// three times within a second, as in systemd-nspawn.
type escape struct{ pressedAt []time.Time }

const (
	escapeKey    = 0x1d // Ctrl-]
	escapeCount  = 3
	escapeWithin = time.Second
)

// pressed reports whether the keys were pressed, of which input at the time now is the
// next part.
func (e *escape) pressed(input []byte, now time.Time) bool {
	for _, b := range input {
		if b != escapeKey {
			e.pressedAt = nil
			continue
		}
		e.pressedAt = append(e.pressedAt, now)
		if n := len(e.pressedAt); n >= escapeCount && now.Sub(e.pressedAt[n-escapeCount]) <= escapeWithin {
			return true
		}
	}
	return false
}

// Messages returns a writer of messages to w. In raw mode, terminals need a carriage
// return at the end of each line.
func (a *Attachment) Messages(w io.Writer) io.Writer { return &rawLines{w, &a.raw} }

type rawLines struct {
	w   io.Writer
	raw *atomic.Bool
}

// Write writes lines.
func (l *rawLines) Write(p []byte) (int, error) {
	if !l.raw.Load() {
		return l.w.Write(p)
	}
	if _, err := l.w.Write(bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))); err != nil {
		return 0, err
	}
	return len(p), nil
}
