// Package bench measures what a run in a machine costs, as ratios to a bare boot
// of the same kernel.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/u-root/u-root/pkg/cpio"

	"github.com/kmodtest/kmodtest/images"
)

// sample is one thing that is measured: a command, run once a round.
type sample struct {
	name    string
	command func(ctx context.Context) *exec.Cmd
}

// Run measures for a number of rounds, all samples in each, and prints a table.
// It needs the go command, and the working directory inside this module.
func Run(ctx context.Context, w io.Writer, rounds int) error {
	dir, err := os.MkdirTemp("", "kmodtest-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	samples, err := prepare(ctx, dir)
	if err != nil {
		return err
	}
	rows := make([]row, len(samples))
	for i, s := range samples {
		rows[i].name = s.name
		if _, err := measure(ctx, s); err != nil { // fills caches
			return err
		}
	}
	for range rounds {
		for i, s := range samples {
			took, err := measure(ctx, s)
			if err != nil {
				return err
			}
			rows[i].times = append(rows[i].times, took)
		}
	}
	return write(w, rows)
}

func measure(ctx context.Context, s sample) (time.Duration, error) {
	cmd := s.command(ctx)
	start := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(start)
	if err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", s.name, err, out)
	}
	return took, nil
}

// prepare builds in dir what is measured.
func prepare(ctx context.Context, dir string) ([]sample, error) {
	kernel, err := images.Resolve(ctx, os.Getenv("KMODTEST_KERNEL"), images.Options{Progress: os.Stderr})
	if err != nil {
		return nil, err
	}
	_, source, _, _ := runtime.Caller(0)
	testdata := filepath.Join(filepath.Dir(source), "testdata")
	initramfs := filepath.Join(dir, "initramfs.cpio")
	if err := bareInitramfs(ctx, filepath.Join(testdata, "poweroff"), initramfs); err != nil {
		return nil, err
	}
	test := filepath.Join(dir, "empty.test")
	if err := goCommand(ctx, testdata, "test", "-c", "-o", test, "./empty"); err != nil {
		return nil, err
	}
	return []sample{
		{"bare boot", func(ctx context.Context) *exec.Cmd { return bareBoot(ctx, kernel.Image, initramfs) }},
		{"empty test, natively", func(ctx context.Context) *exec.Cmd { return run(ctx, test, "EMPTY_NATIVE=1") }},
		{"empty test, restored", func(ctx context.Context) *exec.Cmd { return run(ctx, test) }},
		{"empty test, booted", func(ctx context.Context) *exec.Cmd { return run(ctx, test, "KMODTEST_SNAPSHOT=off") }},
	}, nil
}

func run(ctx context.Context, test string, env ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, test)
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

// bareBoot is QEMU as one would start it by hand, on the kernel as it is
// shipped, with a first process that switches off at once.
func bareBoot(ctx context.Context, kernel, initramfs string) *exec.Cmd {
	return exec.CommandContext(ctx, "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-machine", "pc,accel="+accel(), "-cpu", "max", "-smp", "2", "-m", "512M", "-serial", "stdio",
		"-kernel", kernel, "-initrd", initramfs, "-append", "console=ttyS0 quiet panic=-1")
}

func accel() string {
	if a := os.Getenv("KMODTEST_ACCEL"); a != "" {
		return a
	}
	return "tcg"
}

// bareInitramfs makes an archive of one program.
func bareInitramfs(ctx context.Context, pkg, path string) (err error) {
	program := path + ".init"
	if err := goCommand(ctx, pkg, "build", "-ldflags=-s -w", "-o", program, "."); err != nil {
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

func goCommand(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
