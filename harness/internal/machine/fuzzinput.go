package machine

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/timeline"
)

// A machine in which tests fuzz has its memory in a file of the host: if the
// kernel dies, the file contains the inputs that its workers were trying.

// newMemory makes a file in memory, and a path by which QEMU can open it.
func newMemory() (f *os.File, path string, err error) {
	fd, err := unix.MemfdCreate("kmodtest", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, "", fmt.Errorf("make a file in memory: %w", err)
	}
	return os.NewFile(uintptr(fd), "memory"), fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd), nil
}

// FuzzInput is the last input of a worker of a fuzz target.
type FuzzInput struct {
	Target string
	inside.Input
}

// FuzzInputs returns the last inputs of the workers of the active fuzz targets.
// The machine must have its memory: see Source.Machine.
func (o Outcome) FuzzInputs() []FuzzInput {
	var all []FuzzInput
	for _, target := range o.m.Timeline.Active() {
		all = append(all, o.inputsOf(target)...)
		if len(all) >= maxInputs {
			return all[:maxInputs]
		}
	}
	return all
}

// maxInputs is how many inputs are kept, each of at most inside.InputRoom bytes. A
// target has a worker for each of the guest's processors.
const maxInputs = 256

func (o Outcome) inputsOf(target *timeline.TestRun) []FuzzInput {
	var all []FuzzInput
	for _, pages := range target.Inputs {
		memory := make([]byte, 0, inside.InputPages*inside.PageSize)
		for _, page := range pages {
			part := memory[len(memory):][:inside.PageSize]
			if _, err := o.m.memory.ReadAt(part, o.m.config.Offset(page*inside.PageSize)); err != nil {
				break // no page of the guest has that number
			}
			memory = memory[:len(memory)+len(part)]
		}
		if len(memory) < cap(memory) {
			continue
		}
		if in, ok := inside.ReadInput(memory); ok {
			all = append(all, FuzzInput{target.Name, in})
		}
	}
	return all
}
