package machine

import (
	"bytes"
	"fmt"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// inspectLimits bound the files that a guest sends when it is inspected. The largest is
// /proc/kallsyms, which has some 10 MiB.
var inspectLimits = wire.Limits{File: 64 << 20, Total: 128 << 20, Files: 4096}

// Inspect returns the guest's files whose paths match one of the patterns, by their paths.
// The guest must be ready, and have no job yet.
func Inspect(m *Machine, patterns ...string) (map[string][]byte, error) {
	files := map[string][]byte{}
	m.inspected = &wire.Receiver{Limits: inspectLimits, Create: func(head wire.FileHead) (wire.Sink, error) {
		if !head.Mode.IsRegular() {
			return nil, &wire.GarbledError{Err: fmt.Errorf("%q is not a regular file", head.Name)}
		}
		return &inspectedFile{files: files, name: head.Name}, nil
	}}
	defer func() { m.inspected = nil }()
	for _, pattern := range patterns {
		if err := m.out.Write(wire.Inspect, []byte(pattern)); err != nil {
			return nil, m.explain(err)
		}
	}
	m.guest.answered = false
	if err := m.out.Write(wire.Beat, nil); err != nil {
		return nil, m.explain(err)
	}
	defer m.within("the guest has not sent the files that were asked for")()
	return files, m.listen(func() bool { return m.guest.answered })
}

// inspectedFile is a file that arrives.
type inspectedFile struct {
	bytes.Buffer
	files map[string][]byte
	name  string
}

// Commit keeps the file.
func (f *inspectedFile) Commit() error {
	f.files[f.name] = f.Bytes()
	return nil
}

// Discard does nothing.
func (f *inspectedFile) Discard() {}
