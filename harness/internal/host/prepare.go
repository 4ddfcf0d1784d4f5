package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/crossbuild"
	"github.com/kmodtest/kmodtest/harness/internal/environment"
	"github.com/kmodtest/kmodtest/harness/internal/gobuild"
	"github.com/kmodtest/kmodtest/harness/internal/hostfs"
	"github.com/kmodtest/kmodtest/harness/internal/initramfs"
	"github.com/kmodtest/kmodtest/harness/internal/kbuild"
	"github.com/kmodtest/kmodtest/harness/internal/machine"
	"github.com/kmodtest/kmodtest/harness/internal/modindex"
	"github.com/kmodtest/kmodtest/harness/internal/modules"
	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
	"github.com/kmodtest/kmodtest/images"
)

// initPackage is the package of PID 1.
const initPackage = "harness/cmd/kmodtest-init"

// prepare makes all inputs of the machine, or finds them in the cache.
func (r *run) prepare(ctx context.Context) (qemu.Config, error) {
	kernel, m, err := choose(ctx, r)
	if err != nil {
		return m, err
	}
	r.platform = verdict.Platform{Release: kernel.Release, Package: kernel.Version, Arch: kernel.Arch}
	defer r.trace.Thread(0).Phase("build")()
	if err := chooseTests(ctx, r, kernel.Arch); err != nil {
		return m, err
	}
	spec := initramfs.Spec{Kernel: kernel, Drivers: m.Drivers(), KernelModules: r.Config.KernelModules, Optional: r.Config.OptionalModules}
	r.guest.memory = m.MemorySize()
	if spec.Files, err = initramfs.FindFiles(r.Config.Files); err == nil {
		err = initramfs.CheckSize(spec.Files, r.guest.memory)
	}
	if err != nil {
		return m, err
	}
	if names := crossbuild.Useless(m.Arch, spec.Files); len(names) > 0 {
		r.say("programs of this system do not run on %s: %s (harness.Config.Files)", m.Arch, strings.Join(names, ", "))
	}
	if spec.Built, err = r.buildModules(ctx, kernel, m); err != nil {
		return m, err
	}
	r.guest.modules = modindex.New(kernel, spec.Built)
	spec.Modules, spec.Load = r.guest.modules, r.Config.LoadModules
	note, err := r.guest.chooseFiles(r.Request, r.cache)
	if err != nil {
		return m, err
	}
	if note != "" {
		r.say("%s", note)
	}
	spec.Host = r.guest.host.Layout()
	lookInto(r, kernel, spec.Built)
	if spec.Init, err = gobuild.BuildOwnFor(ctx, r.cache, cmp.Or(r.Source, r.Dir), initPackage, m.Arch); err != nil {
		return m, err
	}
	if spec.Programs, err = buildPrograms(ctx, r.cache, r.Config.Programs, m.Arch); err != nil {
		return m, err
	}
	m.Kernel = kernel.Boot
	spec.TestCrypto = bootFaster(&m, kernel, spec.Modules)
	if m.Initramfs, err = initramfs.Build(ctx, r.cache, spec); err != nil {
		return m, err
	}
	if _, why := qemu.Confinement(m.Binary); why != "" {
		r.say("QEMU runs without its sandbox: %s", why)
	}
	if m.Accel == "" {
		m.Accel, r.detected = r.detectAccel(m), true
	}
	if part := m.Unsaved(); part != "" && r.env.Snapshot != "off" {
		r.say("the machine boots for this run, as it cannot be saved with %s", part)
	}
	r.platform.Accel = string(m.Accel)
	r.say("%s", platformLine(r.platform, spec.Built))
	return m, nil
}

// buildModules builds the modules under test for a kernel. If their coverage is measured, it prepares that.
func (r *run) buildModules(ctx context.Context, kernel *images.Kernel, m qemu.Config) ([]*kbuild.Result, error) {
	builder := modules.Builder{Cache: r.cache, Kernel: kernel, Say: r.say, Output: r.stderr}
	if r.coverage == nil {
		return builder.Build(ctx, r.Config)
	}
	if m.HasNodes() {
		return nil, errors.New("coverage cannot be measured in a machine with NUMA nodes (harness.Config.NUMA)")
	}
	builder.Covered = r.coverage.Covers
	built, err := builder.Build(ctx, r.Config)
	if err != nil {
		return nil, err
	}
	return built, r.coverage.Begin(built)
}

// chooseFiles chooses the files of this system that guests see. It returns a note for the user, or "".
func (s *supply) chooseFiles(asked request.Request, cache string) (note string, err error) {
	if s.host, note, err = hostfs.Choose(asked, s.modules, cache); err != nil {
		return "", err
	}
	if s.host.View.Mode == hostfs.All {
		s.env = environment.WithPath(s.env, os.Getenv("PATH"))
	}
	return note, nil
}

// buildPrograms builds the programs in some directories, and returns them by their names.
func buildPrograms(ctx context.Context, cache string, dirs []string, goarch string) (map[string]gobuild.Program, error) {
	programs := map[string]gobuild.Program{}
	for _, dir := range dirs {
		program, err := gobuild.Build(ctx, cache, dir, ".", goarch)
		if err != nil {
			return nil, verdict.Failf(verdict.TestFailed, err, "program %s does not build", dir)
		}
		programs[filepath.Base(dir)] = program
	}
	return programs, nil
}

// source returns the source of the run's machines.
func (r *run) source(config qemu.Config) *machine.Source {
	return &machine.Source{
		Config: config, CacheDir: r.cache, NoSaving: r.env.Snapshot == "off" || config.Unsaved() != "",
		Silence: r.env.Silence, Allow: r.allowed, Modules: r.guest.modules, Host: r.guest.host, Say: r.say,
		Detected: r.detected,
	}
}

// lookInto prepares what looks into the machines: the debug information of the kernel and of
// the modules under test, and the observers.
func lookInto(r *run, kernel *images.Kernel, built []*kbuild.Result) {
	r.places.SetKernel(kernel.Boot)
	for _, result := range built {
		for _, module := range result.Modules {
			r.places.AddModule(module.Debug)
		}
	}
	r.observers = newObservers(r.env, r.Request, kernel, built)
}

// detectAccel returns the accelerator for a machine, and prints why the machine will
// be slow.
func (r *run) detectAccel(config qemu.Config) qemu.Accel {
	accel, why := qemu.Choose(r.cache, config)
	if why != "" {
		r.say("no usable KVM (%s): using TCG emulation, which is slower", why)
	}
	return accel
}

// platformLine describes in one line what the tests run on.
func platformLine(p verdict.Platform, built []*kbuild.Result) string {
	var names []string
	for _, result := range built {
		for _, module := range result.Modules {
			names = append(names, module.Name)
		}
	}
	version := ""
	if p.Package != "" {
		version = fmt.Sprintf(" (package version %s)", p.Package)
	}
	what := "no module"
	if len(names) > 0 {
		what = "with " + strings.Join(names, ", ")
	}
	return fmt.Sprintf("Linux %s%s, %s, %s", p.Release, version, strings.ToUpper(p.Accel), what)
}
