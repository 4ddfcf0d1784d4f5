// Package replay remembers the last test of a module that failed, and makes the command
// that repeats it.
package replay

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/resultfile"
	"github.com/kmodtest/kmodtest/images/cache"
)

// Failure is a run that has failed.
type Failure struct {
	Time  time.Time
	Title string   // why it failed
	Dir   string   // of the package
	Env   []string // variables of the harness that chose the machine, in the form name=value
	Build []string // flags with which the test binary was built
	Exec  []string // the arguments of kmodtest that started the binary; none if it calls harness.Main
	Flags []string // of the test binary that choose and configure the tests
	Args  []string // of the test binary
}

// kept are the variables that a command repeats.
var kept = []string{
	"KMODTEST_ACCEL", "KMODTEST_QEMU", "KMODTEST_FRESH", "KMODTEST_SNAPSHOT", "KMODTEST_SILENCE", "KMODTEST_SOURCE",
	"VMTEST_QEMU", "VMTEST_QEMU_APPEND", "VMTEST_KERNEL_APPEND",
}

// dropped are flags of the testing package that a command does not repeat: go test sets
// them itself, or they choose other tests or write files.
var dropped = []string{
	"test.run", "test.skip", "test.v", "test.count", "test.shuffle", "test.timeout", "test.testlogfile", "test.paniconexit0", "test.outputdir", "test.gocoverdir",
	"test.coverprofile", "test.cpuprofile", "test.memprofile", "test.blockprofile", "test.mutexprofile", "test.trace", "test.fuzzcachedir",
}

// New returns the failure of a run on a kernel, which is a name or a path. watcher has seen
// its output.
func New(r request.Request, kernel, title string, watcher *Watcher) Failure {
	f := Failure{Time: time.Now(), Title: title, Dir: r.Dir, Exec: r.Exec, Build: buildFlags(r.Binary), Args: r.Rest}
	if kernel != "" {
		f.Env = append(f.Env, "KMODTEST_KERNEL="+kernel)
	}
	for _, name := range kept {
		if value := os.Getenv(name); value != "" {
			f.Env = append(f.Env, name+"="+value)
		}
	}
	test, seeds := watcher.Failed()
	switch {
	case strings.HasPrefix(test, "Benchmark"):
		f.Flags = append(f.Flags, "-run=^$", "-bench=^"+test+"$")
	case test != "":
		f.Flags = append(f.Flags, "-run=^"+test+"$")
	}
	for _, flag := range r.Flags {
		choice := flag.Name == "test.run" || flag.Name == "test.skip" || flag.Name == "test.bench"
		if choice && test != "" || !choice && slices.Contains(dropped, flag.Name) || contains(seeds, flag.Name) {
			continue
		}
		f.Flags = append(f.Flags, "-"+strings.TrimPrefix(flag.Name, "test.")+"="+flag.Value)
	}
	f.Flags = append(f.Flags, seeds...)
	return f
}

// contains reports whether one of the flags has that name.
func contains(flags []string, name string) bool {
	return slices.ContainsFunc(flags, func(flag string) bool { return strings.HasPrefix(flag, "-"+name+"=") })
}

// buildFlags returns the flags of go test that make the same binary.
func buildFlags(binary string) []string {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil
	}
	var flags []string
	for _, s := range info.Settings {
		if (s.Key == "-race" || s.Key == "-tags") && s.Value != "" {
			flags = append(flags, s.Key+"="+s.Value)
		}
	}
	return flags
}

// Words returns the words of the command that repeats the run in the package's directory.
// exec is the value of go test's -exec that starts kmodtest with f.Exec; it is used if there
// is an f.Exec.
func (f Failure) Words(exec string) []string {
	words := append([]string{"go", "test", "-count=1", "-v"}, f.Build...)
	if len(f.Exec) > 0 {
		words = append(words, "-exec", exec)
	}
	words = append(append(words, "."), f.Flags...)
	if len(f.Args) > 0 {
		words = append(append(words, "-args"), f.Args...)
	}
	return words
}

// Line returns the command as a line for a shell.
func (f Failure) Line(exec string) string {
	var words []string
	for _, v := range f.Env {
		name, value, _ := strings.Cut(v, "=")
		words = append(words, name+"="+Quote(value))
	}
	for _, word := range f.Words(exec) {
		words = append(words, Quote(word))
	}
	return "cd " + Quote(f.Dir) + " && " + strings.Join(words, " ")
}

// Quote quotes a word for a shell.
func Quote(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\n'\"\\$&|;<>()*?[]#~`!{}^") {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// ErrNone reports that no failure is known.
var ErrNone = errors.New("no failed run of this module is known")

// Save remembers the failure as the last one of the module with its package. dir is the
// project's cache.
func (f Failure) Save(dir string) error {
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	path := place(dir, f.Dir)
	if err := cache.MakeDir(filepath.Dir(path)); err != nil {
		return err
	}
	file, err := resultfile.New(path)
	if err != nil {
		return err
	}
	if _, err := file.Write(append(text, '\n')); err != nil {
		file.Discard()
		return err
	}
	return file.Commit()
}

// Last returns the last failure of the module that a directory belongs to, or ErrNone. cacheDir
// is the project's cache.
func Last(cacheDir, dir string) (f Failure, err error) {
	text, err := os.ReadFile(place(cacheDir, dir))
	if errors.Is(err, fs.ErrNotExist) {
		return f, ErrNone
	}
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	if err != nil {
		return f, fmt.Errorf("read the last failure: %w", err)
	}
	return f, nil
}

// place returns the path of the file with the last failure of the module that a directory
// belongs to.
func place(cacheDir, dir string) string {
	root := dir
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			root = at
			break
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	sum := sha256.Sum256([]byte(root))
	return filepath.Join(cacheDir, "failures", hex.EncodeToString(sum[:8])+".json")
}
