package modules

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/dkms"
	"github.com/kmodtest/kmodtest/harness/internal/kbuild"
	"github.com/kmodtest/kmodtest/harness/internal/modcov"
	"github.com/kmodtest/kmodtest/harness/internal/modfail"
	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
	"github.com/kmodtest/kmodtest/images/arch"
)

// sources returns how the modules under test are built, in this order. A dkms.conf
// describes it, unless harness.Build does.
func (b Builder) sources(ctx context.Context, c request.Config) ([]kbuild.Source, error) {
	var list []kbuild.Source
	for _, dir := range c.Modules {
		list = append(list, kbuild.Source{Root: dir})
	}
	for _, build := range c.Builds {
		list = append(list, kbuild.Source{Root: build.Root, Dirs: build.Dirs, Make: build.Make, Prepare: build.Prepare, Command: build.Command, Load: build.Load})
	}
	target, err := arch.Find(b.Kernel.Arch)
	if err != nil {
		return nil, err
	}
	var before []string // names of packages
	for i, source := range list {
		has, err := dkms.Has(source.Root)
		if err != nil {
			return nil, err
		}
		if !has || len(source.Dirs) > 0 || source.Prepare != "" || source.Command != "" {
			continue
		}
		pkg, err := dkms.Read(ctx, source.Root, dkms.Kernel{
			Release: b.Kernel.Release, Build: b.Kernel.Build, Arch: target.Machine, Copy: copyVariable, Tree: treeVariable,
		})
		if err != nil {
			return nil, failure(err)
		}
		if err := pkg.After(before); err != nil {
			return nil, failure(err)
		}
		before = append(before, pkg.Name)
		list[i] = withPackage(source, pkg)
	}
	return list, nil
}

// withRuntimes returns the sources with our own modules in front that they need. Their
// order is: that of package modcov, which is loaded with the first module that needs it,
// and stays, and that of package modfail.
func (b Builder) withRuntimes(ctx context.Context, sources []kbuild.Source, faultWalk bool) ([]kbuild.Source, error) {
	if err := b.runtimesFit(faultWalk); err != nil {
		return nil, err
	}
	if faultWalk {
		root, err := modfail.Runtime(ctx, b.Cache)
		if err != nil {
			return nil, err
		}
		for i := range sources {
			sources[i].FaultWalk = true
		}
		sources = append([]kbuild.Source{{Root: root}}, sources...)
	}
	if b.Covered == nil {
		return sources, nil
	}
	root, err := modcov.Runtime(ctx, b.Cache)
	if err != nil {
		return nil, err
	}
	for i := range sources {
		sources[i].Coverage = b.Covered(sources[i].Root) && (!faultWalk || i > 0)
	}
	return append([]kbuild.Source{{Root: root, Load: []string{}}}, sources...), nil
}

// runtimesFit returns an error if a module of our own that is needed is not for the
// kernel's architecture: that of modfail is in part assembly, and the counters of modcov
// are found in the memory of a PC.
func (b Builder) runtimesFit(faultWalk bool) error {
	const only = "amd64"
	what := ""
	switch {
	case b.Kernel.Arch == only:
	case faultWalk:
		what = "calls of modules can be made to fail (Config.FaultWalk)"
	case b.Covered != nil:
		what = "the coverage of modules can be measured"
	}
	if what == "" {
		return nil
	}
	return verdict.Failf(verdict.NotForKernel, nil, "%s only in kernels for %s: kernel %s is for %s", what, only, b.Kernel.Name, b.Kernel.Arch).
		At(verdict.BuildStage).Advise("leave it out for this kernel, or choose another by KMODTEST_KERNEL or harness.Config.Kernel")
}

// Variables that stand for directories in the commands of a package.
const (
	copyVariable = "$COPY" // the directory of the build
	treeVariable = "$KDIR" // the kernel's; kbuild sets it
)

// withPackage returns a source that is built as a package describes. All modules that
// the package names are loaded, unless the source has a list.
func withPackage(source kbuild.Source, pkg *dkms.Package) kbuild.Source {
	source.Prepare = withCopy(pkg.Prepare)
	source.Command = withCopy(pkg.Make)
	if source.Load == nil {
		for _, module := range pkg.Modules {
			source.Load = append(source.Load, strings.TrimSuffix(filepath.Base(module.File), ".ko"))
		}
	}
	return source
}

// withCopy sets the variable for a command that uses it.
func withCopy(command string) string {
	if strings.Contains(command, copyVariable) {
		return "export COPY=$PWD; " + command
	}
	return command
}

// failure returns the failure of a run whose dkms.conf cannot be used, or excludes the
// kernel.
func failure(err error) error {
	var not *dkms.NotApplicableError
	var wrong *dkms.Error
	switch {
	case errors.As(err, &not):
		return verdict.Failf(verdict.NotForKernel, nil, "%v", not).At(verdict.BuildStage).
			Advise("KMODTEST_KERNEL or harness.Config.Kernel chooses another kernel")
	case errors.As(err, &wrong):
		return verdict.Failf(verdict.TestFailed, nil, "%v", wrong).At(verdict.BuildStage).
			Advise(fmt.Sprintf("%s is read as DKMS reads it; harness.Config.Builds can describe the build without it", dkms.FileName))
	}
	return err
}
