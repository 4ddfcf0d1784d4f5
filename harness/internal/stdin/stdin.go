// Package stdin is the standard input of a program in a guest, as the host sends it: a pipe or
// a terminal.
package stdin

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/creack/pty"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Input is the standard input of a program. Take may be called before the program has
// started, and by another goroutine than the other methods.
type Input struct {
	out    *wire.Writer
	pieces chan []byte // the host sends the next one when the last one was taken

	mu       sync.Mutex
	window   wire.Window
	terminal *os.File // our side of the program's terminal; nil for a pipe, or before the start
}

// New returns the input of a job's program.
func New(work wire.Work, out *wire.Writer) *Input {
	return &Input{out: out, pieces: make(chan []byte, 1), window: work.Window}
}

// Take handles a record of type Input or Resize. It does not wait for the program.
func (in *Input) Take(rec wire.Record) error {
	if rec.Type == wire.Resize {
		return in.resize(rec)
	}
	piece := append([]byte(nil), rec.Payload...)
	select {
	case in.pieces <- piece:
		return nil
	default:
		return errors.New("the host sent input before the last piece was taken")
	}
}

func (in *Input) resize(rec wire.Record) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if err := rec.Decode(&in.window); err != nil || in.terminal == nil {
		return err
	}
	return setSize(in.terminal, in.window)
}

func setSize(terminal *os.File, w wire.Window) error {
	if err := pty.Setsize(terminal, &pty.Winsize{Rows: uint16(w.Rows), Cols: uint16(w.Columns)}); err != nil {
		return fmt.Errorf("set the size of the terminal: %w", err)
	}
	return nil
}

// OpenTerminal returns both sides of a new terminal with the host's input: ours, from which
// the output is to be read, and that of the program.
func (in *Input) OpenTerminal() (ours, theirs *os.File, err error) {
	ours, theirs, err = pty.Open()
	if err != nil {
		return nil, nil, fmt.Errorf("make a terminal: %w", err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if err := setSize(ours, in.window); err != nil {
		return nil, nil, err
	}
	in.terminal = ours
	go in.copyTo(ours, true)
	return ours, theirs, nil
}

// OpenPipe returns the read end of a pipe with the host's input.
func (in *Input) OpenPipe() (*os.File, error) {
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	go in.copyTo(ours, false)
	return theirs, nil
}

// copyTo writes the host's pieces to the program's standard input, until the host ends
// it or the program does not read any more. It closes w, unless that is a terminal.
func (in *Input) copyTo(w *os.File, isTerminal bool) {
	if !isTerminal {
		defer w.Close()
	}
	for piece := range in.pieces {
		if len(piece) == 0 {
			return
		}
		if _, err := w.Write(piece); err != nil {
			return // the program has closed its input; the host keeps the rest
		}
		if in.out.Write(wire.Taken, nil) != nil {
			return // the host is gone, which the main loop also sees
		}
	}
}
