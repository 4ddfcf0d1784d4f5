//go:build vmcore

package harness_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// debuginfoKernel is a kernel with debug information.
const debuginfoKernel = "6.1-debuginfo"

// opened returns the image of a test that killed its kernel, and the arguments of drgn that name
// the files with debug information.
func opened(t *testing.T) (image string, symbols []string) {
	t.Helper()
	dir, names, out := imaged(t, []string{"KMODTEST_KERNEL=" + debuginfoKernel}, "test", "-v", "-run=TestKills", "./faults")
	at := slices.IndexFunc(names, func(name string) bool { return strings.HasSuffix(name, "-TestKills.elf") })
	if at < 0 {
		t.Fatalf("images %q, want one of TestKills\n%s", names, out)
	}
	image = filepath.Join(dir, names[at])
	command := regexp.MustCompile(`(?m)^kmodtest: the memory .*: drgn -c ` + regexp.QuoteMeta(image) + ` (-s .*)$`).FindStringSubmatch(out)
	if command == nil {
		t.Fatalf("the output has no command for drgn\n%s", out)
	}
	return image, strings.Fields(command[1])
}

// stackOfCulprit is a program for drgn that prints the stack of the task that killed the kernel.
const stackOfCulprit = `
from drgn.helpers.linux.percpu import per_cpu

task = per_cpu(prog["runqueues"], prog["panic_cpu"].counter).curr
print(task.comm.string_().decode())
print(prog.stack_trace(task))
`

func TestImageOpensInDrgn(t *testing.T) {
	image, symbols := opened(t)
	program := filepath.Join(t.TempDir(), "program.py")
	if err := os.WriteFile(program, []byte(stackOfCulprit), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "drgn", append(append([]string{"-c", image}, symbols...), program)...).CombinedOutput()
	if err != nil {
		t.Fatalf("drgn: %v\n%s", err, out)
	}
	if want := regexp.MustCompile(`crash_panic \(.*/` + markedLine(t, "panic") + `:\d+\)`); !want.Match(out) {
		t.Errorf("the stack lacks %v:\n%s", want, out)
	}
	t.Logf("%s", out)
}

func TestImageOpensInCrash(t *testing.T) {
	image, symbols := opened(t)
	vmlinux, module := symbols[1], symbols[3]
	c := exec.CommandContext(t.Context(), "crash", "-s", vmlinux, image)
	c.Stdin = strings.NewReader("mod -s crash " + module + "\nbt -l\nquit\n")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("crash: %v\n%s", err, out)
	}
	if want := regexp.MustCompile(`(?s)COMMAND: "faults\.test".* crash_write at \S+ \[crash\]\n\s+\S+/testdata/crash/main\.c: \d+`); !want.Match(out) {
		t.Errorf("the stack lacks %v:\n%s", want, out)
	}
	t.Logf("%s", out)
}
