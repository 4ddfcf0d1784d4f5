// Package debugger lets gdb debug the kernel of a machine, and writes what gdb needs to
// know about it.
package debugger

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/kmodtest/kmodtest/harness/internal/kbuild"
	"github.com/kmodtest/kmodtest/harness/internal/kernelinfo"
	"github.com/kmodtest/kmodtest/harness/internal/machine"
)

// Debugger prepares sessions of gdb with the machines of a run. Its fields are not to be
// changed after its first use.
type Debugger struct {
	Kernel  string           // path of the file that the machines boot
	Release string           // of the kernel
	Modules []*kbuild.Result // the modules under test
}

// Files of a session, in a directory that only the user can read.
const (
	scriptName  = "script"
	socketName  = "socket"
	symbolsName = "kernel"
	orcName     = "orc.py"
)

// maxSocket is the longest path of a Unix socket in bytes.
const maxSocket = 107

// Attach adds to a job that its machine stops before its program starts, until gdb lets it
// continue. announce is then called with the command that starts gdb. The caller calls the
// returned function when the machine has ended.
func (d *Debugger) Attach(m *machine.Machine, j *machine.Job, announce func(command string)) (detach func(), err error) {
	dir, err := os.MkdirTemp("", "kmodtest-gdb-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for gdb: %w", err)
	}
	detach = func() { os.RemoveAll(dir) }
	socket := filepath.Join(dir, socketName)
	if len(socket) > maxSocket {
		detach()
		return nil, fmt.Errorf("the path of a socket for gdb is too long: %s; set TMPDIR to a shorter path", socket)
	}
	j.Ready = func() error {
		files, err := machine.Inspect(m, kallsyms, sectionsOf("*"))
		if err != nil {
			return err
		}
		if err := d.write(dir, files); err != nil {
			return fmt.Errorf("write what gdb needs to know: %w", err)
		}
		if err := m.Debug(socket); err != nil {
			return fmt.Errorf("let gdb attach: %w", err)
		}
		announce("gdb -x " + quote(filepath.Join(dir, scriptName)))
		return nil
	}
	return detach, nil
}

// write writes the files of a session, except the socket. files are those of the guest.
func (d *Debugger) write(dir string, files map[string][]byte) error {
	kernel, err := parseKallsyms(files[kallsyms])
	if err != nil {
		return err
	}
	s := script{socket: filepath.Join(dir, socketName), kernel: kernel}
	if s.vmlinux, s.offset, err = debugInfo(d.Kernel, kernel); err != nil {
		return err
	}
	if s.vmlinux == "" {
		s.symbols, s.orc = filepath.Join(dir, symbolsName), filepath.Join(dir, orcName)
		if err := os.WriteFile(s.symbols, kernel.object(), 0o600); err != nil {
			return err
		}
		if err := os.WriteFile(s.orc, orcProgram, 0o600); err != nil {
			return err
		}
		s.oldORC = kernelinfo.CompareReleases(d.Release, "6.4") < 0
	}
	for _, result := range d.Modules {
		for _, m := range result.Modules {
			loaded, err := readSections(m, files)
			if err != nil {
				return err
			}
			if len(loaded.sections) > 0 {
				s.modules = append(s.modules, loaded)
			}
		}
	}
	return os.WriteFile(filepath.Join(dir, scriptName), []byte(s.text()), 0o600)
}
