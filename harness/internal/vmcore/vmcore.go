// Package vmcore keeps images of the memory of machines whose kernel reported a fault, for
// the programs crash and drgn.
package vmcore

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/kbuild"
	"github.com/kmodtest/kmodtest/harness/internal/machine"
)

// Keeper makes the images of a run. Its fields are not to be changed after its first use.
type Keeper struct {
	Dir     string           // where the images are kept; it is made if it does not exist
	Name    string           // begins the names of the images
	Kernel  string           // path of the file that the machines boot
	Modules []*kbuild.Result // the modules under test
}

// Cause is why an image is kept.
type Cause struct {
	Test   string   // that caused a fault or hung; "" for none
	Report []string // lines of the fault's report
}

// Images are those of one machine: one of its death, and before that one of its first fault
// with which the kernel goes on. Its methods must not be called by several goroutines at once.
type Images struct {
	keeper *Keeper
	m      *machine.Machine
	dead   *os.File // for the machine's death
	alive  bool     // the other one was tried
	info   note     // where the kernel describes itself
	paths  []string // of those that are complete
}

// Attach adds to a job that images of its machine are kept. The caller calls Close when the
// machine has ended.
func (k *Keeper) Attach(m *machine.Machine, j *machine.Job) (*Images, error) {
	if err := os.MkdirAll(k.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the directory for images of memory: %w", err)
	}
	file, err := k.create()
	if err != nil {
		return nil, err
	}
	i := &Images{keeper: k, m: m, dead: file}
	next := j.Ready
	j.Ready = func() error {
		files, err := machine.Inspect(m, vmcoreinfo)
		if err != nil {
			return err
		}
		i.info = parseNote(files[vmcoreinfo])
		if err := m.KeepImage(file); err != nil {
			return fmt.Errorf("keep an image of the machine's memory: %w", err)
		}
		if next == nil {
			return nil
		}
		return next()
	}
	return i, nil
}

// create makes a file that only the user can read.
func (k *Keeper) create() (*os.File, error) {
	file, err := os.CreateTemp(k.Dir, ".kmodtest-*")
	if err != nil {
		return nil, fmt.Errorf("make an image of memory: %w", err)
	}
	return file, nil
}

// Take takes an image of the running machine, unless one was taken before. The path is "" if
// there is no new image.
func (i *Images) Take(of Cause) (path string, err error) {
	if i.alive {
		return "", nil
	}
	i.alive = true
	file, err := i.keeper.create()
	if err != nil {
		return "", err
	}
	defer file.Close()
	defer os.Remove(file.Name())
	if err := i.m.WriteMemory(file); err != nil {
		return "", err
	}
	return i.complete(file, of)
}

// Taken reports whether Take was called.
func (i *Images) Taken() bool { return i.alive }

// Keep keeps the image of the machine's death. The path is "" if it ended in another way.
func (i *Images) Keep(of Cause) (path string, err error) {
	written, err := i.m.Image()
	if !written || err != nil {
		return "", err
	}
	return i.complete(i.dead, of)
}

// complete writes an image with its name from one of QEMU.
func (i *Images) complete(raw *os.File, of Cause) (path string, err error) {
	file, err := i.keeper.create()
	if err != nil {
		return "", err
	}
	defer os.Remove(file.Name()) // it has another name if it is complete
	if err := errors.Join(rewrite(file, raw, i.info, culpritOf(of.Report)), file.Close()); err != nil {
		return "", fmt.Errorf("complete the image of the machine's memory: %w", err)
	}
	if path, err = i.place(of.Test); err != nil {
		return "", err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return "", err
	}
	i.paths = append(i.paths, path)
	return path, nil
}

// Drop removes the images.
func (i *Images) Drop() {
	for _, path := range i.paths {
		os.Remove(path)
	}
	i.paths = nil
}

// Close removes all files but the images.
func (i *Images) Close() {
	i.dead.Close()
	os.Remove(i.dead.Name())
}

// place returns a path that does not exist.
func (i *Images) place(test string) (string, error) {
	name := i.keeper.Name
	if test != "" {
		name += "-" + strings.ReplaceAll(test, "/", ".")
	}
	for n := 1; n < 10_000; n++ {
		path := filepath.Join(i.keeper.Dir, name+".elf")
		if n > 1 {
			path = filepath.Join(i.keeper.Dir, fmt.Sprintf("%s-%d.elf", name, n))
		}
		if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s has too many images of %s", i.keeper.Dir, name)
}

// Command returns the command that opens an image, or what is missing for it.
func (k *Keeper) Command(path string) string {
	f, err := elf.Open(k.Kernel)
	if err != nil {
		return needsDebugInfo
	}
	defer f.Close()
	if f.Section(".debug_info") == nil {
		return needsDebugInfo
	}
	words := []string{"drgn", "-c", path, "-s", k.Kernel}
	for _, result := range k.Modules {
		for _, m := range result.Modules {
			words = append(words, "-s", m.Debug)
		}
	}
	return strings.Join(words, " ")
}

const needsDebugInfo = "drgn and crash need this kernel's vmlinux with debug information, which the kernel 6.1-debuginfo has"
