package kernelbuild

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/images/arch"
	"github.com/kmodtest/kmodtest/images/internal/command"
)

// Tool is a program required to build a kernel, and the Debian package that has it.
type Tool struct{ program, pkg string }

var buildTools = []Tool{
	{"make", "make"}, {"gcc", "gcc"}, {"ld", "binutils"}, {"flex", "flex"}, {"bison", "bison"}, {"bc", "bc"}, {"tar", "tar"}, {"depmod", "kmod"},
}

// MissingToolsError lists the programs and header files that are required to build a kernel and are
// not installed.
type MissingToolsError struct {
	Names    []string // of programs and header files
	Packages []string // the Debian packages that have them, in the same order
}

func (e *MissingToolsError) Error() string {
	return fmt.Sprintf("building a kernel requires programs or header files that are not installed: %s; run apt-get install %s",
		strings.Join(e.Names, ", "), strings.Join(e.Packages, " "))
}

// Tools of sources, for CheckTools.
var (
	DebianPackage = []Tool{{"dpkg-deb", "dpkg"}, {"xz", "xz-utils"}} // sources in a Debian package
	GitCommit     = []Tool{{"git", "git"}}
)

// LLVM returns the programs that a value of make's variable LLVM stands for, each with its Debian package;
// none if the variables do not have it. It is 1, a suffix such as -19, or the prefix of paths.
func LLVM(variables []string) []Tool {
	value, ok := lastValue(variables, "LLVM")
	switch {
	case !ok || value == "" || value == "0":
		return nil
	case strings.HasSuffix(value, "/"):
		return []Tool{{value + "clang", "clang"}, {value + "ld.lld", "lld"}, {value + "llvm-nm", "llvm"}}
	case !strings.HasPrefix(value, "-"):
		value = ""
	}
	return []Tool{{"clang" + value, "clang" + value}, {"ld.lld" + value, "lld" + value}, {"llvm-nm" + value, "llvm" + value}}
}

// lastValue returns the value of a variable on make's command line, where the last one counts.
func lastValue(variables []string, name string) (value string, ok bool) {
	for _, v := range slices.Backward(variables) {
		if value, ok = strings.CutPrefix(v, name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// CheckTools checks before a long build for an architecture whether everything that it requires is installed, and the tools
// that its sources require. The error is a *MissingToolsError.
func CheckTools(ctx context.Context, target arch.Arch, more []Tool) error {
	tools := append(slices.Clip(buildTools), more...)
	if !target.IsHost() { // in addition to the host's: a build runs programs that it has made
		tools = append(tools, Tool{target.Prefix() + "gcc", target.CompilerPackage()})
	}
	missing := &MissingToolsError{}
	gcc := ""
	for _, t := range tools {
		path, err := command.Find(t.program, t.pkg)
		if err != nil {
			missing.Names, missing.Packages = append(missing.Names, t.program), append(missing.Packages, t.pkg)
		}
		if t.program == "gcc" {
			gcc = path
		}
	}
	// Only the compiler knows its directories of header files.
	if gcc != "" {
		include := command.Command{Path: gcc, Args: []string{"-E", "-x", "c", "-o", "/dev/null", "-"}, Stdin: strings.NewReader("#include <gelf.h>\n")}
		if _, err := include.Run(ctx); err != nil {
			if ctx.Err() != nil {
				return err
			}
			missing.Names, missing.Packages = append(missing.Names, "gelf.h"), append(missing.Packages, "libelf-dev")
		}
	}
	if len(missing.Names) > 0 {
		return missing
	}
	return nil
}

// Compiler returns the first line that the tree's compiler prints about its version.
func (t *Tree) Compiler(ctx context.Context) (string, error) {
	tool := Tool{t.Arch.Prefix() + "gcc", t.Arch.CompilerPackage()}
	if llvm := LLVM(t.Variables); llvm != nil {
		tool = llvm[0]
	}
	path, err := command.Find(tool.program, tool.pkg)
	if err != nil {
		return "", err
	}
	out, err := command.Command{Path: path, Args: []string{"--version"}}.Run(ctx)
	if err != nil {
		return "", fmt.Errorf("ask for the compiler's version: %w", err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line, nil
}
