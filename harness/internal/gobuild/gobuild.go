// Package gobuild builds the Go programs of a run. It builds a program only if its
// sources have changed: it compares the size and modification time of each file,
// which takes milliseconds; the go command would take tenths of a second.
package gobuild

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/images/cache"
)

// Program is a built program.
type Program struct {
	Path string // in the cache
	Hash string // of its content, in hex
	Note string // for the user: how the program differs from what was asked for; mostly ""
}

// BuildError reports that the go command failed.
type BuildError struct {
	Package string // as named by the caller
	Output  string // the go command's standard error
	Err     error
}

func (e *BuildError) Error() string {
	return fmt.Sprintf("build %s: %v\n%s", e.Package, e.Err, strings.TrimRight(e.Output, "\n"))
}

func (e *BuildError) Unwrap() error { return e.Err }

// manifest is the cache's record of a build.
type manifest struct {
	Program Program
	Inputs  []input
}

// input is a file or directory that the program was built from. A directory's
// time changes when files are added or removed.
type input struct {
	Path string
	Size int64 // 0 for a directory
	Time time.Time
}

// Build builds the main package pkg into the cache at cacheDir. pkg is as on the
// go command's command line in directory dir. The program is static, and built
// for the architecture goarch, "" for that of the host, regardless of GOARCH. If it does not build, the
// error is a *BuildError. Build may be called from several goroutines and
// processes at once.
func Build(ctx context.Context, cacheDir, dir, pkg, goarch string) (Program, error) {
	return order{dir: dir, pkg: pkg, arch: goarch}.program(ctx, cacheDir)
}

// order describes a program to build.
type order struct {
	dir, pkg string
	arch     string // as GOARCH; "" is that of the host
	tests    bool   // it is the test binary of the package
	flags    []string
	env      []string
	note     string
	building func()                                // called before a build; may be nil
	prepare  func(*builder, context.Context) error // called before a build, may change the builder; may be nil
}

// record returns the path of the cache's record of the program.
func (o order) record(cacheDir string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %q %q %q %v %q %q", o.dir, o.pkg, o.arch, runtime.Version(),
		os.Getenv("GOFLAGS"), os.Getenv("GOWORK"), os.Getenv("GOTOOLCHAIN"), o.tests, o.flags, o.env))
	return filepath.Join(cacheDir, "programs", hex.EncodeToString(sum[:16])+".json")
}

// program returns the program from the cache, and builds it if it is not there.
func (o order) program(ctx context.Context, cacheDir string) (Program, error) {
	if o.arch == "" {
		var err error
		if o.arch, err = machineArch(); err != nil {
			return Program{}, err
		}
	}
	record := o.record(cacheDir)
	if m, err := readManifest(record); err == nil && m.current() {
		cache.MarkUsed(filepath.Dir(m.Program.Path))
		return m.Program, nil
	}
	// If several callers want the same program at once, one builds it.
	unlock, err := lock(ctx, record)
	if err != nil {
		return Program{}, err
	}
	defer unlock()
	if m, err := readManifest(record); err == nil && m.current() {
		return m.Program, nil
	}
	if o.building != nil {
		o.building()
	}
	b := builder{order: o}
	b.env = slices.Concat(os.Environ(), []string{"GOOS=linux", "GOARCH=" + o.arch, "CGO_ENABLED=0"}, o.env)
	if o.prepare != nil {
		if err := o.prepare(&b, ctx); err != nil {
			return Program{}, err
		}
	}
	m := manifest{}
	if m.Inputs, err = b.inputs(ctx); err != nil {
		return Program{}, err
	}
	if m.Program, err = b.build(ctx, filepath.Join(cacheDir, "programs")); err != nil {
		return Program{}, err
	}
	return m.Program, writeManifest(record, m)
}

// lock waits for the lock on building the program with that record, and takes it.
func lock(ctx context.Context, record string) (unlock func(), err error) {
	if err := cache.MakeDir(filepath.Dir(record)); err != nil {
		return nil, err
	}
	l := flock.New(record + ".lock")
	if _, err := l.TryLockContext(ctx, 20*time.Millisecond); err != nil {
		return nil, fmt.Errorf("lock %s (set XDG_CACHE_HOME to use another cache): %w", record, err)
	}
	return func() { _ = l.Close() }, nil // closing the file unlocks it
}

func readManifest(path string) (m manifest, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(b, &m)
}

func writeManifest(path string, m manifest) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".manifest-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func (m manifest) current() bool {
	for _, in := range m.Inputs {
		if now, err := stat(in.Path); err != nil || !now.Time.Equal(in.Time) || now.Size != in.Size {
			return false
		}
	}
	_, err := os.Stat(m.Program.Path)
	return err == nil && len(m.Inputs) > 0
}

func stat(path string) (input, error) {
	info, err := os.Stat(path)
	if err != nil {
		return input{}, err
	}
	in := input{Path: path, Time: info.ModTime()}
	if !info.IsDir() {
		in.Size = info.Size()
	}
	return in, nil
}

// builder builds a program in an environment.
type builder struct{ order }

// listFormat prints, for each package that is not Go's own, its directory, then
// its files, then its module's go.mod.
const listFormat = `{{if not .Standard}}{{$d := .Dir}}{{$d}}
{{range .GoFiles}}{{$d}}/{{.}}
{{end}}{{range .CgoFiles}}{{$d}}/{{.}}
{{end}}{{range .CFiles}}{{$d}}/{{.}}
{{end}}{{range .SFiles}}{{$d}}/{{.}}
{{end}}{{range .HFiles}}{{$d}}/{{.}}
{{end}}{{range .EmbedFiles}}{{$d}}/{{.}}
{{end}}{{with .Module}}{{.GoMod}}{{end}}{{end}}`

// generated is in the paths of files that the go command has made, which come after a directory in the list.
const generated = "//"

// inputs returns the program's inputs. They are listed before the build, so that
// a change during the build makes the next check fail.
func (b builder) inputs(ctx context.Context) ([]input, error) {
	out, err := b.run(ctx, b.list()...)
	if err != nil {
		return nil, err
	}
	// The versions of all modules are chosen by the go.mod of the main module
	// or by a workspace. Neither need belong to a package listed above.
	choice, err := b.run(ctx, "env", "GOMOD", "GOWORK")
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{os.DevNull: true, "off": true}
	var inputs []input
	for path := range strings.Lines(string(out) + "\n" + string(choice)) {
		path = strings.TrimSpace(path)
		if path == "" || seen[path] || strings.Contains(path, generated) {
			continue
		}
		seen[path] = true
		in, err := stat(path)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, in)
	}
	return inputs, nil
}

// build puts the program into the cache under the hash of its content.
func (b builder) build(ctx context.Context, dir string) (Program, error) {
	tmp, err := os.MkdirTemp(dir, ".build-")
	if err != nil {
		return Program{}, err
	}
	defer os.RemoveAll(tmp)
	out := filepath.Join(tmp, "program")
	if _, err := b.run(ctx, b.command(out)...); err != nil {
		return Program{}, err
	}
	hash, err := hashFile(out)
	if err != nil {
		return Program{}, err
	}
	path, err := cache.Entry(ctx, dir, hash[:32], func(_ context.Context, entry string) error {
		return os.Rename(out, filepath.Join(entry, "program"))
	})
	if err != nil {
		return Program{}, err
	}
	return Program{Path: filepath.Join(path, "program"), Hash: hash, Note: b.note}, nil
}

// noVCS is a flag of the go command without which a build or a list fails where git fails, as in a repository that
// another user owns. Go test needs no git there.
const noVCS = "-buildvcs=false"

// list returns the arguments of the go command that list the program's inputs.
func (b builder) list() []string {
	if b.tests {
		return slices.Concat([]string{"list", "-deps", "-test"}, b.flags, []string{noVCS, "-f", listFormat, b.pkg})
	}
	return plain("list", "-deps", "-f", listFormat, b.pkg)
}

// command returns the arguments of the go command that build the program.
func (b builder) command(out string) []string {
	if b.tests {
		return slices.Concat([]string{"test", "-c", "-vet=off"}, b.flags, []string{"-o", out, b.pkg})
	}
	return plain("build", "-trimpath", "-ldflags=-s -w", "-o", out, b.pkg)
}

// plain returns the arguments of the go command for a plain static program,
// regardless of GOFLAGS: the race detector and other sanitizers need cgo, and
// coverage needs a directory to write to.
func plain(command string, args ...string) []string {
	return append([]string{command, noVCS, "-race=false", "-msan=false", "-asan=false", "-cover=false", "-buildmode=exe"}, args...)
}

// run runs the go command and returns its standard output.
func (b builder) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = b.dir, b.env
	// Only on an interrupt, not on other signals, the go command stops its
	// compilers and removes its temporary directory.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGINT}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		err = fmt.Errorf("%w; the programs of a run are built from source, which requires the go command in PATH", err)
	}
	if err != nil {
		return nil, &BuildError{Package: b.pkg, Output: stderr.String(), Err: err}
	}
	return out, nil
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// machineArch returns the host's architecture as a GOARCH. That of this program
// may differ: it may be a 32-bit program on a 64-bit kernel.
func machineArch() (string, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "", fmt.Errorf("uname: %w", err)
	}
	switch machine := unix.ByteSliceToString(name.Machine[:]); machine {
	case "x86_64":
		return "amd64", nil
	case "aarch64":
		return "arm64", nil
	case "s390x", "riscv64":
		return machine, nil
	default:
		return "", fmt.Errorf("hosts of type %s are not supported", machine)
	}
}
