package modcov

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/coverage"
	"github.com/kmodtest/kmodtest/harness/internal/kbuild"
)

// Profile returns the lines and branches of the modules' sources on a kernel. scratch is
// an empty directory, which it fills.
func (c *Counters) Profile(ctx context.Context, kernel, scratch string) (*coverage.Profile, error) {
	p := &coverage.Profile{Kernels: []string{kernel}, Tests: c.testNames()}
	for i, m := range c.modules {
		g, err := newGcov(m, filepath.Join(scratch, strconv.Itoa(i)))
		if err != nil {
			return nil, err
		}
		if err := g.addTotals(ctx, p, c.totals[m]); err != nil {
			return nil, err
		}
		if err := g.addTests(ctx, p, c.tests); err != nil {
			return nil, err
		}
	}
	for i := range p.Files {
		source, changed, err := readSource(p.Files[i].Name)
		if err != nil {
			return nil, err
		}
		if changed.After(c.since) && changed.Before(time.Now()) { // a clock that is wrong says nothing
			c.note(p.Files[i].Name + " was changed after the module was built: its lines are those of the build")
		}
		p.Files[i].Source = source
	}
	p.Notes = c.Notes()
	return p, nil
}

// maxSource is the size up to which a file's source is kept.
const maxSource = 1 << 20

// readSource returns the source of a file, and when it was changed; "" if it is long, or a
// build has made it.
func readSource(path string) (string, time.Time, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", time.Time{}, nil
	}
	if err != nil || info.Size() > maxSource {
		return "", time.Time{}, err
	}
	text, err := os.ReadFile(path)
	return strings.ToValidUTF8(string(text), "�"), info.ModTime(), err
}

// gcov runs gcov for one module.
type gcov struct {
	module  *Module
	dir     string
	program string
	notes   []string // for each object the path of a copy of its .gcno file
	copies  []string // for each object the directory that the compiler saw instead of the user's
}

func newGcov(m *Module, dir string) (*gcov, error) {
	g := &gcov{module: m, dir: dir, program: program(m.notes.Compiler)}
	if system := m.notes.System; !system.IsHost() {
		if !system.Has(g.program) {
			return nil, fmt.Errorf("coverage needs the gcov of %s, but %s has no %s", m.notes.Compiler, system.Name, g.program)
		}
	} else if _, err := exec.LookPath(g.program); err != nil {
		return nil, fmt.Errorf("coverage needs the gcov of %s: %w (Debian and Ubuntu: apt-get install build-essential)", m.notes.Compiler, err)
	}
	for _, o := range m.objects {
		note, copied, err := findNote(m.notes.Dir, o.data)
		if err != nil {
			return nil, err
		}
		path := filepath.Join(dir, strconv.Itoa(len(g.notes))+".gcno")
		if err := copyNote(note, path); err != nil {
			return nil, err
		}
		g.notes, g.copies = append(g.notes, path), append(g.copies, copied)
	}
	return g, nil
}

// copyNote copies a note, and makes it newer than every source: a build is found again by
// the text of its sources, so that a source that was checked out later is the same one.
// gcov goes by the times, and would say that it differs.
func copyNote(note, path string) error {
	text, err := os.ReadFile(note)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return err
	}
	later := time.Now().AddDate(100, 0, 0)
	return os.Chtimes(path, later, later)
}

// program returns the gcov of a gcc, which stands beside it.
func program(cc string) string {
	dir, name := filepath.Split(cc)
	if i := strings.LastIndex(name, "gcc"); i >= 0 {
		return dir + name[:i] + "gcov" + name[i+len("gcc"):]
	}
	return "gcov"
}

// findNote finds the note of an object, of which data is the path with the extension
// .gcda, and the directory in which the object was compiled.
func findNote(dir, data string) (note, compiled string, err error) {
	name := strings.TrimSuffix(data, ".gcda") + ".gcno"
	for rest := name; rest != ""; { // the longest first
		_, rest, _ = strings.Cut(rest, "/")
		if info, err := os.Stat(filepath.Join(dir, rest)); rest != "" && err == nil && info.Mode().IsRegular() {
			return filepath.Join(dir, rest), strings.TrimSuffix(strings.TrimSuffix(name, rest), "/"), nil
		}
	}
	return "", "", fmt.Errorf("the build made no %s", filepath.Base(name))
}

func (g *gcov) addTotals(ctx context.Context, p *coverage.Profile, totals Counts) error {
	var paths []string
	for i := range g.module.objects {
		path, err := g.write("total", i, func(counter uint32) uint64 { return totals[counter] })
		if err != nil {
			return err
		}
		paths = append(paths, path)
	}
	return g.run(ctx, paths, func(_ string, file string, l line) {
		to := p.File(file).Line(l.Number)
		to.Count += uint64(l.Count)
		var fork coverage.Fork
		for _, b := range l.Branches {
			fork = append(fork, uint64(b.Count))
		}
		to.Add(fork)
		to.Kernels = []int{0}
		if to.Count > 0 {
			to.Reached = []int{0}
		}
	})
}

// batch is how many files gcov gets at once.
const batch = 500

func (g *gcov) addTests(ctx context.Context, p *coverage.Profile, tests map[string]testCounts) error {
	var paths []string
	flush := func() error {
		err := g.run(ctx, paths, func(path, file string, l line) {
			test, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err != nil || l.Count == 0 {
				return
			}
			to := p.File(file).Line(l.Number)
			if n := len(to.Tests); n == 0 || to.Tests[n-1] != test { // they come in order
				to.Tests = append(to.Tests, test)
			}
		})
		paths = nil
		return err
	}
	for n, name := range p.Tests {
		counts := tests[name][g.module]
		for i, o := range g.module.objects {
			if !o.counted(counts) {
				continue
			}
			path, err := g.write(strconv.Itoa(n), i, func(counter uint32) uint64 { return counts[counter] })
			if err != nil {
				return err
			}
			if paths = append(paths, path); len(paths) < batch {
				continue
			}
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// counted reports whether any function of the object was executed.
func (o *object) counted(counts map[uint32]uint64) bool {
	for _, f := range o.functions {
		for i := range f.counters {
			if counts[f.first+i] > 0 {
				return true
			}
		}
	}
	return false
}

// Tags and units of gcc's file format: gcc/gcov-io.h.
const (
	dataMagic   = 0x67636461 // "gcda"
	tagFunction = 0x01000000
	tagCounters = 0x01a10000
	gcc12       = "B2" // the beginning of the version from which lengths are in bytes, and headers have a checksum
)

// encode returns the content of an object's .gcda file.
func (o *object) encode(count func(counter uint32) uint64) []byte {
	var b []byte
	put := func(words ...uint32) {
		for _, w := range words {
			b = binary.LittleEndian.AppendUint32(b, w)
		}
	}
	unit := uint32(1)
	put(dataMagic, o.version, o.stamp)
	if v := []byte{byte(o.version >> 24), byte(o.version >> 16)}; string(v) >= gcc12 {
		unit = 4
		put(o.checksum)
	}
	for _, f := range o.functions {
		put(tagFunction, 3*unit, f.ident, f.lines, f.graph, tagCounters, 2*f.counters*unit)
		for i := range f.counters {
			b = binary.LittleEndian.AppendUint64(b, count(f.first+i))
		}
	}
	return b
}

// write writes the .gcda file of an object into a directory, beside a link to the copy of its note.
func (g *gcov) write(dir string, object int, count func(counter uint32) uint64) (string, error) {
	dir = filepath.Join(g.dir, dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	stem := filepath.Join(dir, strconv.Itoa(object))
	if err := os.Symlink(g.notes[object], stem+".gcno"); err != nil {
		return "", err
	}
	return stem + ".gcda", os.WriteFile(stem+".gcda", g.module.objects[object].encode(count), 0o600)
}

// report is what gcov prints for one file.
type report struct {
	Dir   string `json:"current_working_directory"`
	Data  string `json:"data_file"`
	Files []struct {
		Name  string `json:"file"`
		Lines []line `json:"lines"`
	} `json:"files"`
}

type line struct {
	Number   int   `json:"line_number"`
	Count    count `json:"count"`
	Branches []struct {
		Count count `json:"count"`
	} `json:"branches"`
}

// count is a number that gcov has calculated. It is 0 if it is negative: that of a code
// path on which the kernel died is not consistent.
type count uint64

// UnmarshalJSON reads a number.
func (c *count) UnmarshalJSON(text []byte) error {
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return err
	}
	*c = count(max(n, 0))
	return nil
}

// run runs gcov on files, and calls add with each line of the user's sources.
func (g *gcov) run(ctx context.Context, paths []string, add func(path, file string, l line)) error {
	if len(paths) == 0 {
		return nil
	}
	cmd := exec.CommandContext(ctx, g.program, append([]string{"--json-format", "--stdout", "--branch-probabilities"}, paths...)...)
	var out, said bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = g.dir, &out, &said
	g.module.notes.System.Wrap(cmd)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", g.program, err, said.Bytes())
	}
	if said.Len() > 0 { // for example that the stamps differ
		return fmt.Errorf("%s does not read the counters of module %s: %s", g.program, g.module.Name, bytes.TrimSpace(said.Bytes()))
	}
	for in := json.NewDecoder(&out); ; {
		var r report
		if err := in.Decode(&r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read the output of %s: %w", g.program, err)
		}
		object, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(r.Data), ".gcda"))
		if err != nil || object < 0 || object >= len(g.copies) {
			return fmt.Errorf("%s reports on %q, which it was not given", g.program, r.Data)
		}
		for _, f := range r.Files {
			name, ok := inUsersTree(f.Name, r.Dir, g.copies[object], g.module.notes)
			if !ok {
				continue
			}
			for _, l := range f.Lines {
				add(r.Data, name, l)
			}
		}
	}
}

// inUsersTree returns the path of a source in the user's directory. ok is false if it is
// not there, as the kernel's headers.
func inUsersTree(name, dir, copied string, notes kbuild.Notes) (path string, ok bool) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	if rel, below := strings.CutPrefix(filepath.Clean(name), copied+"/"); below {
		name = filepath.Join(notes.Root, rel)
	}
	return filepath.Clean(name), strings.HasPrefix(filepath.Clean(name), strings.TrimSuffix(notes.Root, "/")+"/")
}
