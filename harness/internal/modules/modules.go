// Package modules builds the modules under test of a run: it finds out how each is
// built, and turns its failures into those of the run.
package modules

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/kbuild"
	"github.com/kmodtest/kmodtest/harness/internal/modcov"
	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
	"github.com/kmodtest/kmodtest/images"
)

// Builder builds modules against a kernel.
type Builder struct {
	Cache  string
	Kernel *images.Kernel
	Say    func(format string, args ...any) // prints a line of the harness
	Output io.Writer                        // gets the warnings of compilers, unchanged
	// Covered reports whether the coverage of modules from a directory is measured; nil
	// means that of none.
	Covered func(dir string) bool
}

// Build builds the modules under test, in the order of the configuration. If one does
// not build, or excludes the kernel, the error is a *verdict.Failure. Our own modules that
// coverage and guest.FaultWalk require are the first results.
func (b Builder) Build(ctx context.Context, config request.Config) ([]*kbuild.Result, error) {
	if err := b.checkKernel(config); err != nil {
		return nil, err
	}
	sources, err := b.sources(ctx, config)
	if err != nil {
		return nil, err
	}
	if sources, err = b.withRuntimes(ctx, sources, config.FaultWalk); err != nil {
		return nil, err
	}
	var built []*kbuild.Result
	for _, source := range sources {
		start := time.Now()
		result, err := kbuild.Build(ctx, b.Cache, b.Kernel, source, built)
		var broken *kbuild.CompileError
		if errors.As(err, &broken) {
			return nil, compileFailure(broken)
		}
		if err != nil {
			return nil, err
		}
		if source.Coverage {
			dependOnRuntime(result)
		}
		built = append(built, result)
		if result.Built {
			b.Say("built %s against Linux %s in %.1f s%s", source.Root, b.Kernel.Release, time.Since(start).Seconds(), result.Tools)
		}
		if result.Built && len(result.Outside) > 0 {
			b.Say("%s", outsideLine(source, result.Outside))
		}
		if result.Output != "" {
			_, _ = io.WriteString(b.Output, result.Output) // an error of standard error cannot be reported anywhere
		}
	}
	return built, nil
}

// dependOnRuntime has the runtime that measures coverage loaded before the modules of a
// result: in a kernel with CONFIG_GCOV_KERNEL, they use the kernel's functions instead of the
// runtime's.
func dependOnRuntime(result *kbuild.Result) {
	for i := range result.Modules {
		if m := &result.Modules[i]; !slices.Contains(m.Depends, modcov.RuntimeName) {
			m.Depends = append(m.Depends, modcov.RuntimeName)
		}
	}
}

// checkKernel returns an error if the kernel has no directory to build modules in, and one must be built.
func (b Builder) checkKernel(config request.Config) error {
	if b.Kernel.Build != "" {
		return nil
	}
	module := ""
	for _, build := range config.Builds {
		module = build.Root
	}
	for _, source := range config.Modules {
		if filepath.Ext(source) != ".ko" {
			module = source
		}
	}
	switch {
	case module == "" && (config.FaultWalk || b.Covered != nil):
		module = "the modules for coverage and guest.FaultWalk"
	case module == "":
		return nil
	}
	return verdict.Failf(verdict.HostBroke, nil, "kernel %s (Linux %s) has no files to build modules with, and %s must be built",
		b.Kernel.Name, b.Kernel.Release, module).At(verdict.BuildStage).
		Advise("its image has a kernel only: use it for tests without modules or with .ko files that were built for it, " +
			"or name an image that kmodtest kernel push has stored")
}

// outsideLine says which files a build has read that are not in its directory.
func outsideLine(source kbuild.Source, files []string) string {
	const shown = 3
	names := strings.Join(files[:min(shown, len(files))], ", ")
	if more := len(files) - shown; more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("the build of %s read files outside of it: %s; a change of them builds it again", source.Root, names)
}

// compileFailure has the compiler's messages, unchanged.
func compileFailure(e *kbuild.CompileError) *verdict.Failure {
	f := verdict.Failf(verdict.TestFailed, nil, "module %s does not build against Linux %s", e.Dir, e.Release)
	f.Raw = e.Output
	return f.At(verdict.BuildStage).Advise(strings.Join(append([]string{"the command was: " + e.Command}, e.Advice...), "\n"))
}
