package host

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
const initPackage = "harness/cmd/kmodtest-init"

// prepare makes everything that the machine is started from, or finds it in the
// cache.
func (r *run) prepare(ctx context.Context) (qemu.Machine, error) {
	name := r.env.Kernel
	if name == "" {
		name = r.Config.Kernel
	}
	m := qemu.Machine{Binary: r.env.QEMU, CPUs: r.Config.CPUs, Memory: r.Config.Memory}
	if _, err := qemu.Find(m.Binary); err != nil { // before minutes are spent on a kernel
		return m, err
	}
	end := r.trace.lane(0).phase("kernel")
	kernel, err := images.Resolve(ctx, name, images.Options{Dir: r.Dir, Progress: r.stderr})
	end()
	if err != nil {
		return m, asFailure(err).at(KernelStage)
	}
	defer r.trace.lane(0).phase("build")()
	spec := initramfs.Spec{Kernel: kernel, KernelModules: r.Config.KernelModules, Optional: r.Config.OptionalModules}
	if spec.Files, err = initramfs.FindFiles(r.Config.Files); err != nil {
		return m, err
	}
	if spec.Built, err = r.buildModules(ctx, kernel); err != nil {
		return m, err
	}
	r.places.know(kernel, spec.Built)
	if spec.Init, err = gobuild.BuildOwn(ctx, r.cache, r.Dir, initPackage, nil); err != nil {
		return m, err
	}
	spec.Programs = map[string]gobuild.Program{}
	for _, dir := range r.Config.Programs {
		program, err := gobuild.Build(ctx, r.cache, dir, ".")
		if err != nil {
			return m, failf(TestFailed, err, "program %s does not build", dir)
		}
		spec.Programs[filepath.Base(dir)] = program
	}
	m.Kernel = kernel.Boot
	if m.Initramfs, err = initramfs.Build(ctx, r.cache, spec); err != nil {
		return m, err
	}
	m.Accel = r.chooseAccel()
	r.platform = platform{Release: kernel.Release, Package: kernel.Version, Accel: string(m.Accel)}
	r.announce(spec.Built)
	return m, nil
}

// buildModules builds the modules under test against the kernel.
func (r *run) buildModules(ctx context.Context, kernel *images.Kernel) ([]*kbuild.Result, error) {
	var built []*kbuild.Result
	for _, dir := range r.Config.Modules {
		start := time.Now()
		result, err := kbuild.Build(ctx, r.cache, kernel, dir, built)
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
	return f.at(BuildStage).advise("the command was: " + e.Command + "\n" +
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

// platform is what the tests run on.
type platform struct {
	Release string `json:"release"` // of the kernel, as uname -r says
	Package string `json:"package"` // version of the kernel's package; "" for one that comes from none
	Accel   string `json:"accel"`
}

// announce says in one line what the tests run on.
func (r *run) announce(built []*kbuild.Result) {
	var modules []string
	for _, result := range built {
		for _, module := range result.Modules {
			modules = append(modules, module.Name)
		}
	}
	version := ""
	if r.platform.Package != "" {
		version = fmt.Sprintf(" (package version %s)", r.platform.Package)
	}
	what := "no module"
	if len(modules) > 0 {
		what = "with " + strings.Join(modules, ", ")
	}
	r.say("Linux %s%s, %s, %s", r.platform.Release, version, strings.ToUpper(r.platform.Accel), what)
}

// say prints one line of our own to standard error.
func (r *run) say(format string, args ...any) {
	_, _ = fmt.Fprintf(r.stderr, prefix+format+"\n", args...) // nobody is left to tell if that fails
}
