package doctor

import (
	"context"
	"errors"
	"fmt"
	"go/version"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/qemu/board"
	"github.com/kmodtest/kmodtest/images"
	"github.com/kmodtest/kmodtest/images/arch"
)

// leastGo is the oldest version of Go that builds the harness: that of go.mod.
const leastGo = "go1.26"

// golang checks the go command. Its version is asked for without the one that go.mod may select.
func (h Host) golang(ctx context.Context) Finding {
	const check = "Go"
	cmd := exec.CommandContext(ctx, "go", "env", "GOVERSION", "GOTOOLCHAIN")
	cmd.Dir, cmd.Env = os.TempDir(), append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return Finding{check, Broken, "there is no go command in PATH", "install Go " + leastGo[2:] + " or newer, and add its bin directory to PATH"}
	}
	if err != nil {
		return Finding{check, Broken, fmt.Sprintf("go env fails: %v", err), "install Go " + leastGo[2:] + " or newer"}
	}
	found, toolchain, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if version.Compare(found, leastGo) >= 0 {
		return Finding{check, OK, found, ""}
	}
	if toolchain == "auto" || strings.HasSuffix(toolchain, "+auto") {
		return Finding{
			check, Warning, fmt.Sprintf("%s, which downloads %s or newer for each module that needs it", found, leastGo),
			"install Go " + leastGo[2:] + " or newer",
		}
	}
	return Finding{check, Broken, fmt.Sprintf("%s is older than %s", found, leastGo), "install Go " + leastGo[2:] + " or newer"}
}

// qemu checks that QEMU starts, and confines itself.
func (h Host) qemu(ctx context.Context, b board.Board) Finding {
	const check = "QEMU"
	binary := h.QEMU
	if binary == "" {
		binary = b.Program
	}
	path, err := qemu.Find(binary)
	if err != nil {
		remedy := h.install(b.Program)
		if h.QEMU != "" {
			remedy = "correct KMODTEST_QEMU"
		}
		return Finding{check, Broken, fmt.Sprintf("there is no %s in PATH", binary), remedy}
	}
	out, err := exec.CommandContext(ctx, path, "--version").CombinedOutput()
	if err != nil {
		return Finding{check, Broken, fmt.Sprintf("%s --version fails: %v: %s", path, err, strings.TrimSpace(string(out))), h.install(b.Program)}
	}
	line, _, _ := strings.Cut(string(out), "\n")
	if _, why := qemu.Confinement(binary); why != "" {
		return Finding{check, Warning, fmt.Sprintf("%s (%s), without its sandbox: %s", line, path, why), "install a QEMU that is built with seccomp"}
	}
	return Finding{check, OK, fmt.Sprintf("%s (%s)", line, path), ""}
}

// kvm checks the accelerator. A run works without KVM.
func (h Host) kvm(b board.Board) Finding {
	const check = "KVM"
	if !b.IsNative() {
		return Finding{check, Warning, "it cannot run a kernel for " + b.Arch + " on this host: runs use emulation, which is slower", "use a host of that architecture"}
	}
	_, why := h.Accel()
	if why == "" {
		return Finding{check, OK, "works", ""}
	}
	remedy := "enable virtualization in the firmware or, in a virtual machine, nested virtualization on its host, and load kvm_intel or kvm_amd"
	if strings.Contains(why, os.ErrPermission.Error()) {
		remedy = "sudo usermod -aG kvm \"$USER\", and log in again"
	}
	return Finding{check, Warning, why + ": runs use emulation, which is slower", remedy}
}

// program checks that a program is in PATH.
func (h Host) program(check, name string) Finding {
	path, err := exec.LookPath(name)
	if err != nil {
		return Finding{check, Broken, fmt.Sprintf("there is no %s in PATH", name), h.install(name)}
	}
	return Finding{check, OK, path, ""}
}

// major finds the first number of a compiler's version.
var major = regexp.MustCompile(`\b(\d+)\.\d+`)

// compiler compares the compiler of modules with that of the kernel, if the kernel is in the cache.
func (h Host) compiler(ctx context.Context, kernel *images.Kernel) Finding {
	const check = "compiler"
	target := targetOf(h.Kernel, kernel)
	cc, pkg := h.CC, "gcc"
	if cc == "" {
		cc = target.Prefix() + "gcc"
	}
	if !target.IsHost() {
		pkg = target.CompilerPackage()
	}
	if f := h.program(check, cc); f.State != OK {
		f.Remedy = h.install(pkg)
		if h.CC != "" {
			f.Remedy = "correct CC"
		}
		return f
	}
	out, err := exec.CommandContext(ctx, cc, "--version").Output()
	if err != nil {
		return Finding{check, Broken, fmt.Sprintf("%s --version fails: %v", cc, err), h.install(pkg)}
	}
	mine, _, _ := strings.Cut(string(out), "\n")
	theirs := kernelCompiler(kernel)
	a, b := major.FindStringSubmatch(mine), major.FindStringSubmatch(theirs)
	if a != nil && b != nil && a[1] != b[1] {
		return Finding{
			check, Warning, fmt.Sprintf("%s; the kernel was built with %s", mine, theirs),
			"if the compiler does not know a flag of the kernel, set CC to version " + b[1] + " of the kernel's compiler",
		}
	}
	return Finding{check, OK, mine, ""}
}

// targetOf returns the architecture of a kernel, by its name if it is not in the cache, and thus nil.
func targetOf(row string, kernel *images.Kernel) arch.Arch {
	_, name := images.SplitName(row)
	if kernel != nil {
		name = kernel.Arch
	}
	if target, err := arch.Find(name); err == nil {
		return target
	}
	return arch.Host()
}

// kernelCompiler returns the version of the compiler in a kernel's configuration, or "".
func kernelCompiler(kernel *images.Kernel) string {
	if kernel == nil || kernel.Build == "" {
		return ""
	}
	text, err := os.ReadFile(filepath.Join(kernel.Build, "include", "config", "auto.conf"))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(text), "\nCONFIG_CC_VERSION_TEXT=")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.Trim(line, `"`)
}
