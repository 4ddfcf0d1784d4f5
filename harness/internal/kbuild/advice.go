package kbuild

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/kcompiler"
	"github.com/kmodtest/kmodtest/images"
)

// advice returns what to do about the output of a build that failed, one sentence each.
func (m *maker) advice(ctx context.Context, output string) []string {
	if symbols := undefinedSymbols(output); len(symbols) > 0 {
		return adviseOnSymbols(symbols, m.kernel, makefileOption(m.kernel.Build), otherKernels(ctx, m.kernel, symbols), images.Rows())
	}
	if flag := unknownFlag(output); flag != "" {
		return []string{adviseOnFlag(flag, builtBy(m.kernel.Build), compilerVersion(ctx, m.tools))}
	}
	if advice := m.src.adviseOnHeaders(output); len(advice) > 0 {
		return advice
	}
	if noFile.MatchString(output) {
		return []string{"the build runs in a copy of " + m.src.Root + ": files outside of it are missing, and files that a script or another target of the makefile makes: " +
			"name a command that makes them in Prepare of Config.Builds"}
	}
	if full := fullFlavour(m.kernel, images.Rows()); full != "" && undeclared.MatchString(output) {
		return []string{"the kernel's headers may declare more with other options: " + adviseOnFlavour(full)}
	}
	return nil
}

var noFile = regexp.MustCompile(`No such file or directory|No rule to make target`)

// undeclared matches a compiler's error about something that the kernel's headers may
// declare only with some of its options.
var undeclared = regexp.MustCompile(`error: (?:implicit declaration of function|call to undeclared|unknown type name|use of undeclared|.* undeclared|.*no member named|.*incomplete type|.*undefined type)`)

func adviseOnFlavour(full string) string {
	return fmt.Sprintf("the cloud flavour lacks most drivers; kernel %s has them: KMODTEST_KERNEL=%s or harness.Config.Kernel chooses it", full, full)
}

var undefined = regexp.MustCompile(`(?m)^ERROR: (?:modpost: )?"([\w.]+)" \[[^\]]*\] undefined!$`)

// undefinedSymbols returns the symbols that modpost did not find, each once.
func undefinedSymbols(output string) []string {
	var symbols []string
	for _, found := range undefined.FindAllStringSubmatch(output, -1) {
		if !slices.Contains(symbols, found[1]) {
			symbols = append(symbols, found[1])
		}
	}
	return symbols
}

// exporter is a kernel in the cache that exports all of some symbols.
type exporter struct {
	row     string
	release string
	modules []string // that export the symbols, without suffix, as in Module.symvers; each once
}

// adviseOnSymbols says which kernels export the symbols that a kernel does not export.
// option returns the option that builds a module of the kernel, or "".
func adviseOnSymbols(symbols []string, kernel *images.Kernel, option func(module string) string, others []exporter, rows []images.Row) []string {
	what := fmt.Sprintf("Linux %s does not export %s", kernel.Release, shortList(symbols))
	if len(others) > 0 {
		full := fullName(kernel) // of the same version
		slices.SortStableFunc(others, func(a, b exporter) int {
			switch {
			case a.row == full && b.row != full:
				return -1
			case b.row == full && a.row != full:
				return 1
			}
			return 0
		})
		var names []string
		for _, other := range others {
			names = append(names, fmt.Sprintf("%s (Linux %s)", other.row, other.release))
		}
		first := others[0]
		in := "the kernel itself"
		if first.modules[0] != "vmlinux" {
			in = "module " + first.modules[0]
			if name := option(first.modules[0]); name != "" {
				in += ", by " + name + ", which is off here"
			}
		}
		return []string{what, fmt.Sprintf("these kernels do: %s, in %s: KMODTEST_KERNEL=%s or harness.Config.Kernel chooses one",
			strings.Join(names, ", "), in, first.row)}
	}
	advice := []string{what + ", nor does any other kernel in the cache"}
	if full := fullFlavour(kernel, rows); full != "" {
		advice = append(advice, adviseOnFlavour(full))
	}
	return append(advice, "if another module of yours exports it, its directory must come first in harness.Config.Modules")
}

// fullName returns the name of the kernel of the same version and architecture with all
// of Debian's drivers, which may not exist.
func fullName(kernel *images.Kernel) string {
	row, _ := images.SplitName(kernel.Name)
	return images.WithArch(row+"-full", kernel.Arch)
}

// fullFlavour returns the row of Debian's kernel with all drivers for a kernel of the
// cloud flavour, or "".
func fullFlavour(kernel *images.Kernel, rows []images.Row) string {
	if !strings.Contains(kernel.Release, "-cloud-") {
		return ""
	}
	for _, row := range rows {
		if row.Name == fullName(kernel) {
			return row.Name
		}
	}
	return ""
}

// shortList returns the first names of a list, and how many more there are.
func shortList(names []string) string {
	const most = 5
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}

// otherKernels returns the kernels in the cache that export all of the symbols. Errors
// only make the advice shorter.
func otherKernels(ctx context.Context, kernel *images.Kernel, symbols []string) []exporter {
	cached, err := images.Cached(ctx, images.Options{})
	if err != nil {
		return nil
	}
	var found []exporter
	for _, other := range cached {
		if other.Key == kernel.Key || other.Arch != kernel.Arch {
			continue
		}
		f, err := os.Open(filepath.Join(other.Build, symbolsName))
		if err != nil {
			continue
		}
		if modules := exportedBy(f, symbols); modules != nil {
			found = append(found, exporter{other.Name, other.Release, modules})
		}
		f.Close()
	}
	return found
}

// exportedBy returns the modules that export the symbols according to a Module.symvers,
// each once and sorted, or nil if a symbol is missing.
func exportedBy(symvers io.Reader, symbols []string) []string {
	wanted := map[string]bool{}
	for _, symbol := range symbols {
		wanted[symbol] = true
	}
	var modules []string
	for lines := bufio.NewScanner(symvers); lines.Scan(); {
		fields := strings.Split(lines.Text(), "\t") // checksum, symbol, module, kind
		if len(fields) < 3 || !wanted[fields[1]] {
			continue
		}
		delete(wanted, fields[1])
		modules = append(modules, fields[2])
	}
	if len(wanted) > 0 {
		return nil
	}
	slices.Sort(modules)
	return slices.Compact(modules)
}

// makefileOption returns a function that finds the option of a module in the makefiles
// of a kernel tree. Trees of packages with headers do not have these makefiles.
func makefileOption(build string) func(module string) string {
	return func(module string) string {
		text, err := os.ReadFile(filepath.Join(build, path.Dir(module), "Makefile"))
		if err != nil {
			return ""
		}
		return optionOf(string(text), path.Base(module))
	}
}

var conditionalObjects = regexp.MustCompile(`(?m)^obj-\$[({](CONFIG_\w+)[)}]\s*[+:]?=(.*)$`)

// optionOf returns the option in a makefile that builds a module, or "".
func optionOf(makefile, module string) string {
	for _, found := range conditionalObjects.FindAllStringSubmatch(strings.ReplaceAll(makefile, "\\\n", " "), -1) {
		for object := range strings.FieldsSeq(found[2]) {
			if strings.ReplaceAll(strings.TrimSuffix(object, ".o"), "-", "_") == strings.ReplaceAll(module, "-", "_") {
				return found[1]
			}
		}
	}
	return ""
}

var unknown = regexp.MustCompile(`(?:unrecognized command[- ]line option|unknown argument:?) ['‘"](-[^'’"]+)['’"]`)

// unknownFlag returns the first flag that the compiler does not know, or "".
func unknownFlag(output string) string {
	if found := unknown.FindStringSubmatch(output); found != nil {
		return found[1]
	}
	return ""
}

// adviseOnFlag compares the compiler of the kernel with the one that was used. Both are
// the beginning of what the compiler says about its version.
func adviseOnFlag(flag, kernels, used string) string {
	if kernels == "" {
		return fmt.Sprintf("the compiler, %s, does not know the flag %s: CC names another one", used, flag)
	}
	name, _, _ := strings.Cut(kernels, " ")
	return fmt.Sprintf("the compiler does not know the flag %s: the kernel was built by %s, and CC is %s; install %s and set CC=%s, "+
		"unless the module's own makefile sets the flag", flag, kernels, used, name, name)
}

var compilerText = regexp.MustCompile(`(?m)^CONFIG_CC_VERSION_TEXT="(.*)"$`)

// builtBy returns the version text of the compiler that built a kernel, or "".
func builtBy(build string) string {
	config, err := os.ReadFile(filepath.Join(build, ".config"))
	if err != nil {
		return ""
	}
	if found := compilerText.FindSubmatch(config); found != nil {
		return string(found[1])
	}
	return ""
}

func compilerVersion(ctx context.Context, t kcompiler.Tools) string {
	cmd := exec.CommandContext(ctx, t.Compiler, "--version")
	t.Root.Wrap(cmd)
	out, err := cmd.Output()
	if err != nil {
		return t.Compiler
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return first
}
