package bench

import (
	"context"
	"crypto/rand"
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
	"time"

	"github.com/u-root/u-root/pkg/cpio"

	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/qemu/board"
	"github.com/kmodtest/kmodtest/images"
	"github.com/kmodtest/kmodtest/images/arch"
)

// bench has the inputs of the measures.
type bench struct {
	kernel    *images.Kernel
	board     board.Board // the kernel's
	initramfs string      // path of the initramfs of the bare boot
	test      string      // path of the test binary of testdata/empty
	large     string      // path of the same binary, followed by 8 MB
	nothing   string      // path of a program that ends at once
	kmodtest  string      // path of the command
	module    string      // directory of a module
}

const megabyte = 1 << 20

// prepare builds the inputs of the measures in dir.
func prepare(ctx context.Context, dir string) (*bench, error) {
	kernel, err := images.Resolve(ctx, os.Getenv("KMODTEST_KERNEL"), images.Options{Progress: os.Stderr})
	if err != nil {
		return nil, err
	}
	itsBoard, err := board.Of(kernel.Arch)
	if err != nil {
		return nil, err
	}
	_, source, _, _ := runtime.Caller(0)
	here := filepath.Dir(source)
	b := &bench{
		kernel:    kernel,
		board:     itsBoard,
		initramfs: filepath.Join(dir, "initramfs.cpio"),
		test:      filepath.Join(dir, "empty.test"),
		module:    filepath.Join(here, "../../../kmod"),
		large:     filepath.Join(dir, "large.test"),
		nothing:   filepath.Join(dir, "nothing"),
		kmodtest:  filepath.Join(dir, "kmodtest"),
	}
	if err := bareInitramfs(ctx, filepath.Join(here, "testdata", "restart"), kernel.Arch, b.initramfs); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"test", "-c", "-o", b.test, "./testdata/empty"},
		{"build", "-o", b.nothing, "./testdata/nothing"},
		{"build", "-o", b.kmodtest, "../../cmd/kmodtest"},
	} {
		if err := goCommand(ctx, here, "", args...); err != nil {
			return nil, err
		}
	}
	test, err := os.ReadFile(b.test)
	if err != nil {
		return nil, err
	}
	more := make([]byte, 8*megabyte)
	_, _ = rand.Read(more) // never fails: see crypto/rand
	return b, os.WriteFile(b.large, append(test, more...), 0o755)
}

// measures returns all measures.
func (b *bench) measures() []measure {
	const off, fresh, host = "KMODTEST_SNAPSHOT=off", "KMODTEST_FRESH=test", "BENCH_NATIVE=1"
	all := []measure{
		{bare, timed(func(ctx context.Context) *exec.Cmd { return b.boot(ctx, b.kernel.Image) })},
		{bareELF, timed(func(ctx context.Context) *exec.Cmd { return b.boot(ctx, b.kernel.Boot) })},
		{native, b.empty(1, host)},
		{restored, b.empty(1)},
		{booted, b.empty(1, off)},
		{fresh4, b.empty(4, fresh)},
		{fresh12, b.empty(12, fresh)},
		{native1000, b.empty(1000, host)},
		{one1000, b.empty(1000)},
	}
	if b.runsHostPrograms() {
		all = append(all, measure{uploadNone, b.upload(b.test)}, measure{upload8, b.upload(b.large)},
			measure{nothing, b.program(b.nothing)},
			measure{plain1000, b.program(b.test, "-test.run=^TestEmpty$", "-test.count=1000")})
	}
	return all
}

// runsHostPrograms reports whether a machine gets the test binary itself. For a kernel of
// another architecture, the tests are built again.
func (b *bench) runsHostPrograms() bool { return b.kernel.Arch == arch.Host().Name }

// rows returns the rows whose measures are taken.
func (b *bench) rows() []rowSpec {
	return slices.DeleteFunc(slices.Clone(rows), func(r rowSpec) bool {
		return (r.name == uploadOf8 || r.name == nothing || r.name == plain1000) && !b.runsHostPrograms()
	})
}

// patience is how long a command may take. Only one that hangs takes as long.
const patience = 5 * time.Minute

// timed returns a measure of how long a command takes.
func timed(command func(context.Context) *exec.Cmd) func(context.Context) (float64, error) {
	return func(ctx context.Context) (float64, error) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		cmd := command(ctx)
		start := time.Now()
		out, err := cmd.CombinedOutput()
		took := time.Since(start).Seconds()
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = fmt.Errorf("%s has not ended within %v: run it by hand to see where it hangs: %v", cmd.Path, patience, cmd)
		}
		if err != nil {
			return 0, fmt.Errorf("%w\n%s", err, out)
		}
		return took, nil
	}
}

// run returns the command that runs a test, with more environment variables.
func (b *bench) run(ctx context.Context, binary, test string, env ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, "-test.run=^"+test+"$")
	cmd.Env = append(append(os.Environ(), "BENCH_MODULE="+b.module), env...)
	return cmd
}

// empty returns a measure of a run of the empty test, count times in a row.
func (b *bench) empty(count int, env ...string) func(context.Context) (float64, error) {
	return timed(func(ctx context.Context) *exec.Cmd {
		cmd := b.run(ctx, b.test, "TestEmpty", env...)
		cmd.Args = append(cmd.Args, fmt.Sprint("-test.count=", count))
		return cmd
	})
}

// program returns a measure of a program in a guest, to which the harness adds nothing.
func (b *bench) program(name string, args ...string) func(context.Context) (float64, error) {
	return timed(func(ctx context.Context) *exec.Cmd {
		cmd := exec.CommandContext(ctx, b.kmodtest, append([]string{"run", "--host=none", "--module=" + b.module, "--", name}, args...)...)
		cmd.Env = append(os.Environ(), "BENCH_NATIVE=1")
		return cmd
	})
}

// upload returns a measure of the phase "upload" of a run.
func (b *bench) upload(binary string) func(context.Context) (float64, error) {
	return func(ctx context.Context) (float64, error) {
		path := b.test + ".verdict"
		if out, err := b.run(ctx, binary, "TestEmpty", "KMODTEST_VERDICT="+path).CombinedOutput(); err != nil {
			return 0, fmt.Errorf("%w\n%s", err, out)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return 0, err
		}
		var verdict struct {
			Phases []struct {
				Name    string
				Seconds float64
			}
		}
		if err := json.Unmarshal(text, &verdict); err != nil {
			return 0, err
		}
		for _, p := range verdict.Phases {
			if p.Name == "upload" {
				return p.Seconds, nil
			}
		}
		return 0, errors.New("the verdict has no phase named upload")
	}
}

// boot returns the command that starts QEMU without the harness, with a first
// process that restarts the machine at once.
func (b *bench) boot(ctx context.Context, image string) *exec.Cmd {
	cpu := "max"
	if !b.board.IsNative() {
		cpu = b.board.CPU // some kernels do not boot on max
	}
	return exec.CommandContext(ctx, b.board.Program, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-machine", b.board.Machine+",accel="+b.accel(), "-cpu", cpu, "-smp", "2", "-m", "512M", "-serial", "stdio",
		"-kernel", image, "-initrd", b.initramfs, "-append", "console="+b.board.Console+" quiet panic=-1")
}

// accel returns the accelerator of the bare boot: that of the harness's machines.
func (b *bench) accel() string {
	if !b.board.IsNative() {
		return string(qemu.TCG)
	}
	if a := os.Getenv("KMODTEST_ACCEL"); a != "" {
		return a
	}
	a, _ := qemu.Detect()
	return string(a)
}

// describe writes the versions and the host that were measured.
func (b *bench) describe(ctx context.Context, w io.Writer, rounds int) error {
	version, err := exec.CommandContext(ctx, b.board.Program, "--version").Output()
	if err != nil {
		return fmt.Errorf("get the version of QEMU: %w", err)
	}
	first, _, _ := strings.Cut(string(version), "\n")
	_, err = fmt.Fprintf(w, "Linux %s, %s, %s, %s, %d processors of the host; medians and quartiles of %d rounds:\n\n",
		b.kernel.Release, first, strings.ToUpper(b.accel()), runtime.Version(), runtime.NumCPU(), rounds)
	return err
}

// bareInitramfs makes an initramfs with one program.
func bareInitramfs(ctx context.Context, pkg, goarch, path string) (err error) {
	program := path + ".init"
	if err := goCommand(ctx, pkg, goarch, "build", "-ldflags=-s -w", "-o", program, "."); err != nil {
		return err
	}
	content, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := cpio.NewDedupWriter(cpio.Newc.Writer(f))
	records := []cpio.Record{
		cpio.CharDev("dev/console", 0o600, 5, 1),
		cpio.CharDev("dev/null", 0o666, 1, 3),
		cpio.StaticFile("init", string(content), 0o755),
	}
	if err := cpio.WriteRecordsAndDirs(w, records); err != nil {
		return err
	}
	return cpio.WriteTrailer(w)
}

// goCommand runs the go command for an architecture, or for the host's if it is "".
func goCommand(ctx context.Context, dir, goarch string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+goarch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
