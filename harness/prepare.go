package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/gobuild"
	"github.com/kmodtest/kmodtest/harness/internal/initramfs"
	"github.com/kmodtest/kmodtest/harness/internal/kbuild"
	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/images"
)

// initPackage is PID 1's program.
const initPackage = "github.com/kmodtest/kmodtest/harness/cmd/kmodtest-init"

// prepare makes everything that the machine is started from, or finds it in the
// cache.
func (r *run) prepare(ctx context.Context) (qemu.Machine, error) {
	name := r.env.Kernel
	if name == "" {
		name = r.config.Kernel
	}
	m := qemu.Machine{Binary: r.env.QEMU, CPUs: r.config.CPUs, Memory: r.config.Memory}
	kernel, err := images.Resolve(ctx, name, images.Options{Progress: r.stderr})
	if err != nil {
		return m, err
	}
	cache, err := images.CacheDir()
	if err != nil {
		return m, err
	}
	r.cache = cache
	spec := initramfs.Spec{Kernel: kernel, KernelModules: r.config.KernelModules}
	if spec.Built, err = r.buildModules(ctx, cache, kernel); err != nil {
		return m, err
	}
	if spec.Init, err = gobuild.Build(ctx, cache, r.dir, initPackage); err != nil {
		return m, err
	}
	spec.Programs = map[string]gobuild.Program{}
	for _, dir := range r.config.Programs {
		program, err := gobuild.Build(ctx, cache, dir, ".")
		if err != nil {
			return m, failf(TestFailed, err, "program %s does not build", dir)
		}
		spec.Programs[filepath.Base(dir)] = program
	}
	m.Kernel = kernel.Boot
	if m.Initramfs, err = initramfs.Build(ctx, cache, spec); err != nil {
		return m, err
	}
	m.Accel = r.chooseAccel()
	r.announce(kernel, m, spec.Built)
	return m, nil
}

// buildModules builds the modules under test against the kernel.
func (r *run) buildModules(ctx context.Context, cache string, kernel *images.Kernel) ([]*kbuild.Result, error) {
	var built []*kbuild.Result
	for _, dir := range r.config.Modules {
		start := time.Now()
		result, err := kbuild.Build(ctx, cache, kernel, dir)
		var broken *kbuild.CompileError
		if errors.As(err, &broken) {
			return nil, compileFailure(broken)
		}
		if err != nil {
			return nil, err
		}
		built = append(built, result)
		if result.Built {
			r.say("built %s against Linux %s in %.1f s", dir, kernel.Release, time.Since(start).Seconds())
		}
		if result.Output != "" {
			_, _ = io.WriteString(r.stderr, result.Output) // to the terminal: no one to tell if that fails
		}
	}
	return built, nil
}

// compileFailure leads with the compiler's own words, as they are.
func compileFailure(e *kbuild.CompileError) *Failure {
	f := failf(TestFailed, nil, "module %s does not build against Linux %s; the compiler's messages stand above", e.Dir, e.Release)
	f.Raw = e.Output
	return f.advise("the command was: " + e.Command + "\n" +
		"the build ran in a copy of that directory: what lies outside of it is not there")
}

// chooseAccel says in one line why a machine will be slow.
func (r *run) chooseAccel() qemu.Accel {
	if r.env.Accel != "" {
		return r.env.Accel
	}
	accel, why := qemu.Detect()
	if why != "" {
		r.say("no usable KVM (%s): the machine runs under TCG, which is slower", why)
	}
	return accel
}

// announce says in one line what the tests run on.
func (r *run) announce(kernel *images.Kernel, m qemu.Machine, built []*kbuild.Result) {
	var modules []string
	for _, result := range built {
		for _, module := range result.Modules {
			modules = append(modules, module.Name)
		}
	}
	version := ""
	if kernel.Version != "" {
		version = fmt.Sprintf(" (package version %s)", kernel.Version)
	}
	what := "no module"
	if len(modules) > 0 {
		what = "with " + strings.Join(modules, ", ")
	}
	r.say("Linux %s%s, %s, %s", kernel.Release, version, strings.ToUpper(string(m.Accel)), what)
}

// say prints one line of our own to standard error.
func (r *run) say(format string, args ...any) {
	_, _ = fmt.Fprintf(r.stderr, prefix+format+"\n", args...) // nobody is left to tell if that fails
}
