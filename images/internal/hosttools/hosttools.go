// Package hosttools decides whether the compiler and the libraries of this system can build modules for a kernel.
package hosttools

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/images/arch"
	"github.com/kmodtest/kmodtest/images/cache"
	"github.com/kmodtest/kmodtest/images/internal/command"
)

// answerFile is the file of a cache entry with the answer.
const answerFile = "unfit"

// Unfit returns why this system cannot build modules in the build directory of a kernel for an architecture, or "" if it
// can: the tools of that directory run here, and there is the compiler that the kernel was built by, or a gcc that is not
// older. A missing cross compiler is no reason: the user can install it. The answer is kept in the cache at dir, under the
// kernel's key, until the system's libc or compiler changes.
func Unfit(ctx context.Context, dir, kernelKey, build string, target arch.Arch) (string, error) {
	want := compilerOf(build, target)
	key := fmt.Sprintf("%x", sha256.Sum256([]byte(kernelKey+"\n"+identity(want))))[:32]
	entry, err := cache.Entry(ctx, dir, key, func(ctx context.Context, tmp string) error {
		why, err := examine(ctx, build, want)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(tmp, answerFile), []byte(why), 0o644)
	})
	if err != nil {
		return "", fmt.Errorf("check whether this system can build modules: %w", err)
	}
	why, err := os.ReadFile(filepath.Join(entry, answerFile))
	return string(why), err
}

func examine(ctx context.Context, build string, want compiler) (string, error) {
	why, err := toolsProblem(ctx, build)
	if why != "" || err != nil {
		return why, err
	}
	if _, err := exec.LookPath(want.program); err == nil || want.major == 0 {
		return "", nil
	}
	have, err := hostMajor(ctx, want.prefix+"gcc")
	if err != nil || have == 0 && want.prefix != "" {
		return "", err
	}
	return compilerProblem(want, have), nil
}

// compilerProblem returns why a gcc of this version, 0 for none, cannot replace the kernel's compiler, or "".
func compilerProblem(want compiler, have int) string {
	switch {
	case want.major == 0, have >= want.major:
		return ""
	case have == 0:
		return "this system has no gcc"
	}
	return fmt.Sprintf("the kernel was built by gcc %d, and this system has %sgcc %d", want.major, want.prefix, have)
}

// compiler is a version of gcc.
type compiler struct {
	program string // "gcc-14", after the prefix
	major   int    // 0 if it is unknown, or another compiler
	prefix  string // of cross compilers for the kernel, as in arch.Arch
}

var versionText = regexp.MustCompile(`(?m)^CONFIG_CC_VERSION_TEXT="(\S*gcc\S*) .*?(\d+)\.\d+\.\d+[^"]*"$`)

// compilerOf returns the compiler that a kernel was built by.
func compilerOf(build string, target arch.Arch) compiler {
	prefix := target.Prefix()
	unknown := compiler{program: prefix + "gcc", prefix: prefix}

	text, err := os.ReadFile(filepath.Join(build, ".config"))
	if err != nil {
		text, err = os.ReadFile(filepath.Join(build, "include/config/auto.conf"))
	}
	found := versionText.FindSubmatch(text)
	if err != nil || found == nil {
		return unknown
	}
	major, err := strconv.Atoi(string(found[2]))
	if err != nil {
		return unknown
	}
	// A distribution's makefiles name the version: gcc-14. Without it, any gcc has the name.
	name := strings.TrimPrefix(filepath.Base(string(found[1])), target.Triplet+"-")
	if name == "gcc" {
		name = "gcc-" + strconv.Itoa(major)
	}
	return compiler{program: prefix + name, major: major, prefix: prefix}
}

// hostMajor returns the version of a gcc, or 0 if there is none of that name.
func hostMajor(ctx context.Context, name string) (int, error) {
	gcc, err := exec.LookPath(name)
	if err != nil {
		return 0, nil //nolint:nilerr // the error says that there is none
	}
	out, err := command.Command{Path: gcc, Args: []string{"-dumpversion"}}.Run(ctx)
	if err != nil {
		return 0, fmt.Errorf("ask for the compiler's version: %w", err)
	}
	major, _, _ := strings.Cut(strings.TrimSpace(string(out)), ".")
	return strconv.Atoi(major)
}

// identity changes with the host's libraries and compiler.
func identity(want compiler) string {
	var text strings.Builder
	files := []string{"/lib64/ld-linux-x86-64.so.2"}
	for _, dir := range []string{"/usr/lib/" + arch.Host().Triplet, "/usr/lib64", "/usr/lib"} {
		files = append(files, filepath.Join(dir, "libelf.so.1"), filepath.Join(dir, "libc.so.6"))
	}
	for _, name := range []string{want.prefix + "gcc", want.program} {
		if path, err := exec.LookPath(name); err == nil {
			files = append(files, path)
		}
	}
	for _, path := range files {
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintf(&text, "%s %d %d\n", path, info.Size(), info.ModTime().UnixNano())
		}
	}
	return text.String()
}

// toolsProblem returns why the programs that a build of modules runs do not run on this host, or "". Programs of a newer
// suite need a newer libc, and make would only report that some command failed.
func toolsProblem(ctx context.Context, build string) (string, error) {
	for _, tool := range []string{"scripts/basic/fixdep", "scripts/mod/modpost", "tools/objtool/objtool"} {
		path := filepath.Join(build, tool)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			continue // not every kernel has all of them
		}
		_, err := command.Command{Path: path, Dir: os.TempDir()}.Run(ctx)
		var failed *command.Error
		switch {
		case err == nil:
		case errors.Is(err, fs.ErrNotExist): // of the interpreter, as under musl
			return fmt.Sprintf("%s does not run on this system", filepath.Base(tool)), nil
		case errors.Is(err, unix.ENOEXEC): // a build root cannot run it either
			return "", fmt.Errorf("%s is a program for another architecture than this host's: build the kernel from source instead", path)
		case !errors.As(err, &failed):
			return "", fmt.Errorf("run %s: %w", tool, err)
		case strings.Contains(failed.Stderr, path+": ") && strings.Contains(failed.Stderr, ".so"):
			line, _, _ := strings.Cut(strings.ReplaceAll(failed.Stderr, path, filepath.Base(tool)), "\n")
			return "the kernel's " + strings.TrimSpace(line), nil
		}
	}
	return "", nil
}
