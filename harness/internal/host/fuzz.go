package host

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// A machine in which tests fuzz has its memory in a file of ours: if the kernel
// dies, the inputs that its workers had in hand are there.

// newMemory makes a file in memory, and a path by which QEMU can open it.
func newMemory() (f *os.File, path string, err error) {
	fd, err := unix.MemfdCreate("kmodtest", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, "", fmt.Errorf("make a file in memory: %w", err)
	}
	return os.NewFile(uintptr(fd), "memory"), fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd), nil
}

// keepInputs writes the inputs that the machine has died of, or may have, to the
// corpus of their target, which is in directory dir, and tells of it.
func (m *machine) keepInputs(dir string) string {
	var b strings.Builder
	for _, s := range m.course.running() {
		for _, pages := range s.inputs {
			text, err := m.input(pages)
			if text == "" && err == nil {
				continue // between two inputs
			}
			name := ""
			if err == nil {
				name, err = keepInput(filepath.Join(dir, s.name), text)
			}
			if err != nil {
				fmt.Fprintf(&b, "an input that was tried then is lost: %v\n", err)
				continue
			}
			fmt.Fprintf(&b, "the input that was tried then is kept: testdata/fuzz/%s/%s\ntry it again: go test -run=%s/%s\n", s.name, name, s.name, name)
		}
	}
	return b.String()
}

// keepInput writes an input as package testing would, and returns its name.
func keepInput(dir, text string) (string, error) {
	name := fmt.Sprintf("%x", sha256.Sum256([]byte(text)))[:16]
	f, err := newResult(filepath.Join(dir, name))
	if err != nil {
		return "", err
	}
	if _, err := f.WriteString(text); err != nil {
		f.Discard()
		return "", err
	}
	return name, f.Commit()
}

// input reads an input out of the memory of a machine that has ended.
func (m *machine) input(pages []uint64) (string, error) {
	if m.memory == nil {
		return "", errors.New("nobody has the machine's memory")
	}
	memory := make([]byte, 0, inside.InputPages*inside.PageSize)
	for _, page := range pages {
		offset := m.spec.Offset(page * inside.PageSize)
		if _, err := m.memory.ReadAt(memory[len(memory):][:inside.PageSize], offset); err != nil {
			return "", fmt.Errorf("read the machine's memory: %w", err)
		}
		memory = memory[:len(memory)+inside.PageSize]
	}
	text, whole := inside.Input(memory)
	if !whole {
		return "", fmt.Errorf("it has more than %d bytes in a file", inside.InputRoom)
	}
	return text, nil
}
