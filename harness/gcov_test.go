//go:build gcov

package harness_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/coverage"
	"github.com/kmodtest/kmodtest/harness/testdata/gcov"
	"github.com/kmodtest/kmodtest/images/cache"
)

var (
	gcovKernel  = flag.String("kernel", "debug", "a kernel that has CONFIG_GCOV_KERNEL")
	gcovSuite   = flag.String("suite", "testdata/counted", "a directory with tests that have the flag -module")
	gcovSources = flag.String("sources", "testdata/modules/counted", "the directory with the sources of their module")
	gcovTests   = flag.String("tests", ".", "a pattern for the tests; each of them executes lines equally often in each run")
)

// TestCountsAreThoseOfKernelsGcov compares the counts of a run with two that the kernel's
// own gcov has: of the same machine, and of another with a module that was built for it.
func TestCountsAreThoseOfKernelsGcov(t *testing.T) {
	sources, err := filepath.Abs(*gcovSources)
	if err != nil {
		t.Fatal(err)
	}
	bin, out := printingBinary(t), t.TempDir()
	same := kernelsLines(t, runPrinting(t, bin, sources, "KMODTEST_COVERAGE="+out), sources)
	p, err := coverage.Read(out)
	if err != nil || p == nil {
		t.Fatalf("the profile is %v, %v", p, err)
	}
	measured := gcovLines{}
	for _, f := range p.Files {
		for _, l := range f.Lines {
			measured[gcovPlace{coverage.Relative(sources, f.Name), l.Number}] = &l
		}
	}
	t.Log(p.Text())
	compareLines(t, "the same machine", measured, same)

	profiled := filepath.Join(t.TempDir(), filepath.Base(sources))
	profile(t, sources, profiled)
	compareLines(t, "another machine", measured, kernelsLines(t, runPrinting(t, bin, profiled), profiled))
}

// printingBinary builds the tests with one more, the last, which prints the kernel's
// counters.
func printingBinary(t *testing.T) string {
	t.Helper()
	suite, err := filepath.Abs(*gcovSuite)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	text := fmt.Sprintf("package %s\n\nimport (\n\t\"testing\"\n\n\t%q\n)\n\nfunc TestPrintCounters(t *testing.T) { gcov.Print(t) }\n",
		filepath.Base(suite), "github.com/kmodtest/kmodtest/harness/testdata/gcov")
	added, overlay := filepath.Join(dir, "print_test.go"), filepath.Join(dir, "overlay.json")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(suite, "zz_print_test.go"): added}})
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{added: []byte(text), overlay: list} {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "test", "-c", "-overlay", overlay, "-o", filepath.Join(dir, "suite.test"), suite)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the tests: %v\n%s", err, out)
	}
	return filepath.Join(dir, "suite.test")
}

// runPrinting runs the tests with the module of a directory, and returns their output.
func runPrinting(t *testing.T, bin, sources string, env ...string) string {
	t.Helper()
	env = append(env, "KMODTEST_KERNEL="+*gcovKernel)
	c := newCommand(t, env, bin, "-test.timeout=30m", "-test.run=^TestPrintCounters$|"+*gcovTests, "-module="+sources)
	c.Dir = *gcovSuite
	if status := c.status(t); status != 0 {
		t.Fatalf("exit status %d\n%.10000s%s", status, c.stdout.String(), c.stderr.String())
	}
	return c.stdout.String()
}

// profile copies a module's sources, with the line in its Kbuild for the kernel's gcov.
func profile(t *testing.T, sources, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(sources)); err != nil {
		t.Fatal(err)
	}
	kbuild, err := os.OpenFile(filepath.Join(to, "Kbuild"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer kbuild.Close()
	if _, err := kbuild.WriteString("\nGCOV_PROFILE := y\n"); err != nil {
		t.Fatal(err)
	}
}

// gcovPlace is a line of a module; the file's name is relative to the module's directory.
type gcovPlace struct {
	file string
	line int
}

type gcovLines map[gcovPlace]*coverage.Line

// kernelsLines returns what gcov calculates from the counters that a run has printed.
func kernelsLines(t *testing.T, output, sources string) gcovLines {
	t.Helper()
	lines, dir := gcovLines{}, t.TempDir()
	for text := range strings.Lines(output) {
		_, printed, ok := strings.Cut(text, gcov.Mark)
		if !ok {
			continue
		}
		name, content, _ := strings.Cut(strings.TrimSpace(printed), " ")
		data, err := base64.StdEncoding.DecodeString(content)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		note := noteOf(t, name, data)
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(note, strings.TrimSuffix(path, ".gcda")+".gcno"); err != nil {
			t.Fatal(err)
		}
		lines.add(t, path, []string{sources, filepath.Dir(note)})
	}
	return lines
}

// noteOf finds, in the harness's cache, the .gcno file that was made together with the
// object whose counters data has: both have the same version and stamp.
func noteOf(t *testing.T, name string, data []byte) string {
	t.Helper()
	dir, err := cache.Dir()
	if err != nil {
		t.Fatal(err)
	}
	found := ""
	err = filepath.WalkDir(filepath.Join(dir, "trees"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != strings.TrimSuffix(name, ".gcda")+".gcno" {
			return err
		}
		note, err := os.ReadFile(path)
		if err == nil && len(note) >= 12 && len(data) >= 12 && bytes.Equal(note[4:12], data[4:12]) {
			found = path
		}
		return err
	})
	if err != nil || found == "" {
		t.Fatalf("no .gcno file is for %s, of %d bytes: %v", name, len(data), err)
	}
	return found
}

// add adds what gcov prints about an object; the lines of files outside of the
// directories, such as the kernel's headers, are left out.
func (g gcovLines) add(t *testing.T, path string, directories []string) {
	t.Helper()
	cmd := exec.Command("gcov", "--json-format", "--stdout", "--branch-probabilities", path)
	cmd.Dir = filepath.Dir(path)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil || said.Len() > 0 {
		t.Fatalf("gcov: %v\n%s", err, said.Bytes())
	}
	for in := json.NewDecoder(bytes.NewReader(out)); ; {
		var object struct {
			Dir   string `json:"current_working_directory"`
			Files []struct {
				Name  string `json:"file"`
				Lines []struct {
					Number   int    `json:"line_number"`
					Count    uint64 `json:"count"`
					Branches []struct {
						Count uint64 `json:"count"`
					} `json:"branches"`
				} `json:"lines"`
			} `json:"files"`
		}
		if err := in.Decode(&object); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("the output of gcov: %v", err)
		}
		for _, f := range object.Files {
			name := f.Name
			if !filepath.IsAbs(name) {
				name = filepath.Join(object.Dir, name)
			}
			for _, dir := range directories {
				name = coverage.Relative(dir, name)
			}
			if filepath.IsAbs(name) {
				continue
			}
			for _, l := range f.Lines {
				at := gcovPlace{name, l.Number}
				if g[at] == nil {
					g[at] = &coverage.Line{}
				}
				g[at].Count += l.Count
				var fork coverage.Fork
				for _, b := range l.Branches {
					fork = append(fork, b.Count)
				}
				g[at].Add(fork)
			}
		}
	}
}

// compareLines fails the test if the lines and their counts are not the same.
func compareLines(t *testing.T, where string, measured, kernels gcovLines) {
	t.Helper()
	var lines, often, never, branches int
	for at, l := range measured {
		other := kernels[at]
		if other == nil || l.Count != other.Count || !slices.EqualFunc(l.Forks, other.Forks, slices.Equal) {
			t.Errorf("%s: %s:%d has %s, the kernel's gcov has %s", where, at.file, at.line, counts(l), counts(other))
		}
		lines++
		switch l.Count {
		case 0:
			never++
		case 1:
		default:
			often++
		}
		_, all := l.Branches()
		branches += all
	}
	for at, l := range kernels {
		if measured[at] == nil {
			t.Errorf("%s: %s:%d is not measured, the kernel's gcov has %s", where, at.file, at.line, counts(l))
		}
	}
	if often == 0 || branches == 0 {
		t.Errorf("%s: the tests reach too little to compare: %d lines, %d of them more than once, %d branches", where, lines, often, branches)
	}
	t.Logf("%s: compared %d lines (%d executed more than once, %d never) and %d branches", where, lines, often, never, branches)
}

// counts returns the counts of a line for a message.
func counts(l *coverage.Line) string {
	if l == nil {
		return "no such line"
	}
	return strconv.FormatUint(l.Count, 10) + fmt.Sprintf(" and branches %d", l.Forks)
}
