package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// run runs the command and returns its output and its exit status.
func run(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errOut strings.Builder
	status = Main(t.Context(), args, &out, &errOut)
	return out.String(), errOut.String(), status
}

// unpacked makes a directory with the files of an unpacked kernel.
func unpacked(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range []string{"boot/vmlinuz-9.9", "lib/modules/9.9/modules.dep", "lib/modules/9.9/build/Makefile"} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestPathPrintsWhatFlagAsksFor(t *testing.T) {
	root := unpacked(t)
	for flag, want := range map[string]string{
		"--build=true":  "lib/modules/9.9/build",
		"--build=false": "lib/modules/9.9/build",
		"--boot":        "boot/vmlinuz-9.9",
		"--image":       "boot/vmlinuz-9.9",
		"--modules":     "lib/modules/9.9",
	} {
		stdout, stderr, status := run(t, "kernel", "path", root, flag)
		if want := filepath.Join(root, want) + "\n"; stdout != want || stderr != "" || status != 0 {
			t.Errorf("%s: got %q, on stderr %q, exit status %d; want %q", flag, stdout, stderr, status, want)
		}
	}
}

func TestPathTakesKernelFromEnvironment(t *testing.T) {
	root := unpacked(t)
	t.Setenv("KMODTEST_KERNEL", root)
	if stdout, stderr, _ := run(t, "kernel", "path", "--boot"); stdout != filepath.Join(root, "boot/vmlinuz-9.9")+"\n" {
		t.Errorf("got %q, on stderr %q; want the kernel of %s", stdout, stderr, root)
	}
}

func TestErrorsAreExplained(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"kernel path no-such-kernel", `there is no kernel "no-such-kernel"`},
		{"kernel path ./no/such/directory", "no such file or directory"},
		{"kernel path --boot --modules", "[boot modules]"},
		{"kernel build", "--all"},
		{"kernel build no-such-kernel", `there is no kernel "no-such-kernel"`},
		{"kernel rm no-such-kernel", `there is no kernel "no-such-kernel"`},
		{"kernel rm ./path", "only kernels with a name"},
		{"kernel rm", "at least 1 arg"},
		{"kernel list --json --names", "[json names]"},
		{"kernel path one two", "accepts at most 1 arg"},
		{"kernel list all", "unknown command"},
		{"kernal", "unknown command"},
	} {
		stdout, stderr, status := run(t, strings.Fields(test.args)...)
		if stdout != "" || status != 1 || !strings.HasPrefix(stderr, "kmodtest: ") || !strings.Contains(stderr, test.want) {
			t.Errorf("kmodtest %s: got %q, on stderr %q, exit status %d; want %q on stderr and 1", test.args, stdout, stderr, status, test.want)
		}
	}
}
