package host

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
		inputs := m.inputs(s)
		running := slices.ContainsFunc(inputs, func(in inside.Input) bool { return in.Running })
		for _, in := range inputs {
			what := "the input that was tried then"
			switch {
			case !running:
				what = "the last input before that, which need not be the one that caused it,"
			case !in.Running:
				continue
			}
			if name, err := keepInput(dir, s.name, in); err != nil {
				fmt.Fprintf(&b, "%s is lost: %v\n", what, err)
			} else {
				fmt.Fprintf(&b, "%s is kept: testdata/fuzz/%s\ntry it again: go test -run=%s\n", what, name, name)
			}
		}
	}
	return b.String()
}

// inputs are the last ones of the workers of a fuzz target.
func (m *machine) inputs(target *stay) []inside.Input {
	var all []inside.Input
	for _, pages := range target.inputs {
		memory := make([]byte, 0, inside.InputPages*inside.PageSize)
		for _, page := range pages {
			part := memory[len(memory):][:inside.PageSize]
			if _, err := m.memory.ReadAt(part, m.spec.Offset(page*inside.PageSize)); err != nil {
				break // no page of the guest has that number
			}
			memory = memory[:len(memory)+len(part)]
		}
		if len(memory) < cap(memory) {
			continue
		}
		if in, ok := inside.ReadInput(memory); ok {
			all = append(all, in)
		}
	}
	return all
}

// keepInput writes an input of a target to its corpus, which is in directory dir,
// and returns its name there, as -test.run takes it.
func keepInput(dir, target string, in inside.Input) (string, error) {
	switch {
	case !in.Whole:
		return "", fmt.Errorf("it has more than %d bytes", inside.InputRoom)
	// A name comes from the guest, which chooses no other place. That of a
	// long one is cut off.
	case !strings.HasPrefix(target, "Fuzz") || strings.ContainsAny(target, "/~"):
		return "", fmt.Errorf("%q is no name of a fuzz target, or too long", target)
	}
	name := fmt.Sprintf("%s/%x", target, sha256.Sum256([]byte(in.Text)))[:len(target)+1+16]
	f, err := newResult(filepath.Join(dir, name))
	if err != nil {
		return "", err
	}
	if _, err := f.WriteString(in.Text); err != nil {
		f.Discard()
		return "", err
	}
	return name, f.Commit()
}
