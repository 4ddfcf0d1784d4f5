// Package symbols finds the file and line of places in the kernel and its modules
// in their debug information.
package symbols

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/klog"
)

// Table lists files with debug information. Its zero value is empty. It must not
// be used by several goroutines at once.
type Table struct {
	modules map[string][]string // paths of .ko files by the module's name, best first
	cached  map[string]bool     // those that AddCache has added
	vmlinux string
	objects map[string]*object // files that have been read, by path; nil if that failed
}

// Resolve sets file and line of the frames of faults that are found in the debug
// information of the .ko files modules, and of vmlinux unless it is "".
func Resolve(faults []klog.Fault, vmlinux string, modules ...string) {
	var t Table
	t.SetKernel(vmlinux)
	for _, path := range modules {
		t.AddModule(path)
	}
	for i := range faults {
		t.Resolve(&faults[i])
	}
}

// AddModule adds a module's .ko file with debug information. If several have the
// same name, the first one that fits a report is used.
func (t *Table) AddModule(path string) {
	if t.modules == nil {
		t.modules = map[string][]string{}
	}
	name := strings.ReplaceAll(strings.TrimSuffix(filepath.Base(path), ".ko"), "-", "_")
	t.modules[name] = append(t.modules[name], path)
}

// AddCache adds the modules that the harness has built in the cache directory dir,
// newest first. They are used for reports of the kernel that they were built for. A missing directory
// has no modules.
func (t *Table) AddCache(dir string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "modules", "*", "*.ko"))
	if err != nil {
		return fmt.Errorf("look for modules in %s: %w", dir, err)
	}
	times := map[string]int64{}
	for _, path := range paths {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed since
		}
		if err != nil {
			return fmt.Errorf("look for modules in %s: %w", dir, err)
		}
		times[path] = info.ModTime().UnixNano()
	}
	slices.SortStableFunc(paths, func(a, b string) int { return int(min(1, max(-1, times[b]-times[a]))) })
	t.cached = map[string]bool{}
	for _, path := range paths {
		t.AddModule(path)
		t.cached[path] = true
	}
	return nil
}

// SetKernel sets the path of the vmlinux with debug information of the kernel itself.
func (t *Table) SetKernel(path string) { t.vmlinux = path }

// Check reads the files and returns the error of the first one that cannot be
// used.
func (t *Table) Check(paths ...string) error {
	for _, path := range paths {
		if _, err := readObject(path); err != nil {
			return err
		}
	}
	return nil
}

// Resolve sets file and line of a fault's frames that are found, and corrects a caller that
// ends with a call. It does not use another build of a module than the one in the report:
// functions must have the sizes that the report names.
func (t *Table) Resolve(fault *klog.Fault) {
	chosen := map[string]*object{}
	for i := range fault.Frames {
		f := &fault.Frames[i]
		o, ok := chosen[f.Module]
		if !ok {
			o = t.choose(f.Module, fault)
			chosen[f.Module] = o
		}
		if o != nil {
			if f.IsNext() {
				*f = o.caller(*f)
			}
			f.File, f.Line = o.locate(*f)
		}
	}
}

// choose returns the object that fits all frames of a module, or nil.
func (t *Table) choose(module string, fault *klog.Fault) *object {
	paths := t.modules[module]
	if module == "" {
		paths = nil
		if t.vmlinux != "" {
			paths = []string{t.vmlinux}
		}
	}
	for _, path := range paths {
		o := t.read(path)
		if o == nil || t.cached[path] && !o.isFor(releaseIn(fault.Report)) {
			continue
		}
		if module == "" || o.fits(module, fault.Frames) {
			return o
		}
	}
	return nil
}

// versionLine matches the kernel's release in the line of a report that begins with the processor.
var versionLine = regexp.MustCompile(` (\d+\.\d+\S*) #\d`)

// releaseIn returns the kernel's release that a report names, or "".
func releaseIn(report []string) string {
	for _, line := range report {
		if m := versionLine.FindStringSubmatch(line); m != nil {
			return m[1]
		}
	}
	return ""
}

func (t *Table) read(path string) *object {
	if o, ok := t.objects[path]; ok {
		return o
	}
	o, err := readObject(path)
	if err != nil {
		o = nil // the same as a missing file
	}
	if t.objects == nil {
		t.objects = map[string]*object{}
	}
	t.objects[path] = o
	return o
}
