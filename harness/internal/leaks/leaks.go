// Package leaks counts, in a guest, what modules hold: references, objects of their caches,
// memory, and namespaces.
package leaks

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Snapshot has what is held, with its amount.
type Snapshot map[Thing]int

// Thing is something that can be held.
type Thing struct{ What, Unit string }

// settle is how long the number of namespaces has to be the same.
const settle = 500 * time.Millisecond

// Begin counts what is held when no namespace that has ended is left, as far as possible.
func Begin() (Snapshot, error) {
	endNamespace()
	s, err := Take()
	for since := time.Now(); err == nil && time.Since(since) < settle; time.Sleep(settle / 10) {
		var now Snapshot
		if now, err = Take(); err == nil && len(s.Growth(now)) > 0 { // there is less now
			since = time.Now()
		}
		s = now
	}
	return s, err
}

// End counts what is held, and lets a namespace end, so that the next count is without those
// before it.
func End() (Snapshot, error) {
	s, err := Take()
	endNamespace()
	return s, err
}

// Take counts what is held.
func Take() (Snapshot, error) {
	files, err := moduleFiles()
	if err != nil {
		return nil, err
	}
	s := Snapshot{}
	for _, count := range []func(map[string][]byte) error{s.references, s.caches, s.areas, s.allocations} {
		if err := count(files); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Growth returns, in sentences, what s has more of than before.
func (s Snapshot) Growth(before Snapshot) []string {
	var all []string
	for thing, n := range s {
		if was := before[thing]; n > was {
			all = append(all, fmt.Sprintf("%s: %d %s, and %d before the test", thing.What, n, thing.Unit, was))
		}
	}
	slices.Sort(all)
	return all
}

// moduleFiles returns the files of the modules under test, by the modules' names.
func moduleFiles() (map[string][]byte, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return nil, fmt.Errorf("get the kernel's release: %w", err)
	}
	paths, err := filepath.Glob("/lib/modules/" + unix.ByteSliceToString(name.Release[:]) + "/extra/*.ko")
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		files[strings.ReplaceAll(strings.TrimSuffix(filepath.Base(path), ".ko"), "-", "_")] = text
	}
	return files, nil
}

// read returns a file of the kernel; "" if the kernel has no such file.
func read(path string) (string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(text), err
}

// references counts the references of modules under test, in /proc/modules.
func (s Snapshot) references(files map[string][]byte) error {
	text, err := read("/proc/modules")
	if err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 3 || files[fields[0]] == nil {
			continue
		}
		n, err := strconv.Atoi(fields[2])
		if err != nil {
			continue // the kernel counts no references
		}
		s[Thing{"module " + fields[0], "references"}] = n
	}
	return nil
}

// namespaces are the kernel's caches of namespaces.
var namespaces = map[string]string{
	"net_namespace": "network namespaces", "user_namespace": "user namespaces", "pid_namespace": "PID namespaces", "uts_namespace": "UTS namespaces",
}

// slabs is the directory in which each cache has a directory, or a link if it shares that of
// another cache.
const slabs = "/sys/kernel/slab"

// caches counts the objects of the caches of modules under test, whose names stand in the
// modules' files, and of namespaces. Those of a cache that shares its memory with others
// cannot be counted.
func (s Snapshot) caches(files map[string][]byte) error {
	entries, err := os.ReadDir(slabs)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	what := map[string]string{}
	for _, e := range entries {
		name := e.Name()
		if text := namespaces[name]; text != "" && e.IsDir() {
			what[name] = text
		}
		for module, file := range files {
			if !bytes.Contains(file, []byte("\x00"+name+"\x00")) {
				continue
			}
			s[Thing{"cache " + name + " of module " + module, "caches"}] = 1
			if e.IsDir() {
				what[name] = "cache " + name + " of module " + module
			}
		}
	}
	for name := range what { // afterwards, processors keep no objects aside, which would count as used
		if err := os.WriteFile(filepath.Join(slabs, name, "shrink"), []byte("1"), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	text, err := read("/proc/slabinfo")
	if err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 || what[fields[0]] == "" {
			continue
		}
		if n, err := strconv.Atoi(fields[1]); err == nil {
			s[Thing{what[fields[0]], "objects"}] = n
		}
	}
	return nil
}

// areas counts the areas of memory that modules have got from vmalloc or ioremap.
func (s Snapshot) areas(files map[string][]byte) error {
	text, err := read("/proc/vmallocinfo")
	if err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		for i := 3; i < len(fields); i++ {
			if place, ok := placeIn(files, fields[i-1], fields[i]); ok {
				s[Thing{"vmalloc at " + place, "areas"}]++
				break
			}
		}
	}
	return nil
}

// allocations counts the objects of kmalloc by the place in a module that has allocated them,
// if the kernel notes that: with the parameter slub_debug=U.
func (s Snapshot) allocations(files map[string][]byte) error {
	for _, pattern := range []string{"/sys/kernel/debug/slab/kmalloc-*/alloc_traces", slabs + "/kmalloc-*/alloc_calls"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		for _, path := range paths {
			if info, err := os.Lstat(filepath.Dir(path)); err != nil || !info.IsDir() {
				continue // another name of a cache
			}
			name := filepath.Base(filepath.Dir(path))
			counts := countPlaces(path, files)
			if len(counts) == 0 {
				continue
			}
			// With KASAN, objects that were freed count until now.
			if err := os.WriteFile(filepath.Join(slabs, name, "shrink"), []byte("1"), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			for place, n := range countPlaces(path, files) {
				s[Thing{"memory of " + name + " from " + place, "objects"}] += n
			}
		}
	}
	return nil
}

// countPlaces returns the places in modules under test in a file of a cache, and how many
// objects each has allocated. It returns none if the kernel does not note it, or if the cache
// has just gone.
func countPlaces(path string, files map[string][]byte) map[string]int {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	counts := map[string]int{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			continue
		}
		n, err := strconv.Atoi(fields[0])
		if place, ok := placeIn(files, fields[1], fields[2]); err == nil && ok {
			counts[place] += n
		}
	}
	return counts
}

// placeIn returns the place in a module under test that two words name, as in "f+0x1/0x2
// [module]".
func placeIn(files map[string][]byte, function, module string) (string, bool) {
	name, ok := strings.CutPrefix(module, "[")
	name, closed := strings.CutSuffix(name, "]")
	return function + " " + module, ok && closed && files[name] != nil && strings.Contains(function, "+0x")
}
