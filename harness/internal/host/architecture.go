package host

import (
	"context"
	"fmt"

	"github.com/kmodtest/kmodtest/harness/internal/crossbuild"
	"github.com/kmodtest/kmodtest/harness/internal/hardware"
	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
	"github.com/kmodtest/kmodtest/images"
	"github.com/kmodtest/kmodtest/images/arch"
)

// choose returns the kernel of the run, and the machine for it.
func choose(ctx context.Context, r *run) (*images.Kernel, qemu.Config, error) {
	name, wanted, err := hardware.KernelName(r.Config, r.env.Kernel, r.env.Arch)
	if err != nil {
		return nil, qemu.Config{}, err
	}
	m, err := machineFor(r, wanted) // before a kernel is fetched or built, which may take minutes
	if err != nil {
		return nil, m, err
	}
	end := r.trace.Thread(0).Phase("kernel")
	kernel, err := images.Resolve(ctx, name, images.Options{Dir: r.Dir, Progress: r.stderr})
	end()
	if err != nil {
		return nil, m, verdict.AsFailure(err).At(verdict.KernelStage)
	}
	if wanted != "" && kernel.Arch != wanted {
		return nil, m, fmt.Errorf("kernel %s is for %s, and not for %s, as KMODTEST_ARCH demands", name, kernel.Arch, wanted)
	}
	if m, err = machineFor(r, kernel.Arch); err == nil {
		err = hardware.Features{Debugger: r.env.GDB, Images: r.env.Dump != ""}.Check(kernel.Arch)
	}
	return kernel, m, err
}

// machineFor returns the machine for an architecture, without its kernel.
func machineFor(r *run, goarch string) (qemu.Config, error) {
	m, err := hardware.Machine(r.Request, r.env.Variables, goarch)
	if err == nil {
		_, err = qemu.Find(m.Binary)
	}
	return m, err
}

// chooseTests makes the program that the guests run one for their architecture: it builds a test binary again.
func chooseTests(ctx context.Context, r *run, goarch string) error {
	kernel, err := arch.Find(goarch)
	if err != nil {
		return err
	}
	binary := r.guest.tests.Path
	switch {
	case crossbuild.Runs(kernel, binary):
		return nil
	case r.env.Binary != "", r.Kind == request.Program:
		return &crossbuild.MismatchError{Path: binary, Kernel: kernel}
	}
	program, err := crossbuild.Tests(ctx, r.cache, crossbuild.Request{
		Binary: binary, Dir: r.Dir, Kernel: kernel, CoverMode: r.CoverMode, Parent: r.Parent,
		Building: func() { r.say("building the tests for %s (once; later runs use the cache)", kernel.Name) },
	})
	if err != nil {
		return verdict.Failf(verdict.TestFailed, err, "the tests do not build for %s", kernel.Name)
	}
	if program.Note != "" {
		r.say("%s", program.Note)
	}
	r.guest.tests.Path, r.guest.tests.Place = program.Path, binary
	return nil
}
