// Package exports finds out which kernels export the symbols that a module lacks.
package exports

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/images"
)

// AdviseOnFlavour says that a kernel with all drivers may help.
func AdviseOnFlavour(full string) string {
	return fmt.Sprintf("the cloud flavour lacks most drivers; kernel %s has them: KMODTEST_KERNEL=%s or harness.Config.Kernel chooses it", full, full)
}

var undefined = regexp.MustCompile(`(?m)^ERROR: (?:modpost: )?"([\w.]+)" \[[^\]]*\] undefined!$`)

// Undefined returns the symbols that modpost did not find, each once.
func Undefined(output string) []string {
	var symbols []string
	for _, found := range undefined.FindAllStringSubmatch(output, -1) {
		if !slices.Contains(symbols, found[1]) {
			symbols = append(symbols, found[1])
		}
	}
	return symbols
}

// Exporter is a kernel in the cache that exports all of some symbols.
type Exporter struct {
	row     string
	release string
	modules []string // that export the symbols, without suffix, as in Module.symvers; each once
}

// Advise says which kernels export the symbols that a kernel does not export.
// option returns the option that builds a module of the kernel, or "".
func Advise(symbols []string, kernel *images.Kernel, option func(module string) string, others []Exporter, rows []images.Row) []string {
	what := fmt.Sprintf("Linux %s does not export %s", kernel.Release, ShortList(symbols))
	if len(others) > 0 {
		full := fullName(kernel) // of the same version
		slices.SortStableFunc(others, func(a, b Exporter) int {
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
	if full := FullFlavour(kernel, rows); full != "" {
		advice = append(advice, AdviseOnFlavour(full))
	}
	return append(advice, "if another module of yours exports it, its directory must come first in harness.Config.Modules")
}

// fullName returns the name of the kernel of the same version and architecture with all
// of Debian's drivers, which may not exist.
func fullName(kernel *images.Kernel) string {
	row, _ := images.SplitName(kernel.Name)
	return images.WithArch(row+"-full", kernel.Arch)
}

// FullFlavour returns the row of Debian's kernel with all drivers for a kernel of the
// cloud flavour, or "".
func FullFlavour(kernel *images.Kernel, rows []images.Row) string {
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

// ShortList returns the first names of a list, and how many more there are.
func ShortList(names []string) string {
	const most = 5
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}

// Others returns the kernels in the cache that export all of the symbols. Errors
// only make the advice shorter.
func Others(ctx context.Context, kernel *images.Kernel, symbols []string) []Exporter {
	cached, err := images.Cached(ctx, images.Options{})
	if err != nil {
		return nil
	}
	var found []Exporter
	for _, other := range cached {
		if other.Key == kernel.Key || other.Arch != kernel.Arch {
			continue
		}
		f, err := os.Open(filepath.Join(other.Build, "Module.symvers"))
		if err != nil {
			continue
		}
		if modules := exportedBy(f, symbols); modules != nil {
			found = append(found, Exporter{other.Name, other.Release, modules})
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

// Option returns a function that finds the option of a module in the makefiles
// of a kernel tree. Trees of packages with headers do not have these makefiles.
func Option(build string) func(module string) string {
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
