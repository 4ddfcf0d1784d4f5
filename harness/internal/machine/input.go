package machine

import "github.com/kmodtest/kmodtest/harness/internal/wire"

// Input is the standard input of the program of a job. Its methods may be called by several
// goroutines at once.
type Input struct{ out *wire.Writer }

// InputOf returns the input of the program in a machine.
func InputOf(m *Machine) Input { return Input{m.out} }

// Send sends at most wire.MaxInput bytes; none are the end of the input. Client.Taken
// reports when the program has them.
func (in Input) Send(p []byte) error { return in.out.Write(wire.Input, p) }

// Resize sets the size of the program's terminal.
func (in Input) Resize(w wire.Window) error { return in.out.WriteMessage(wire.Resize, &w) }
