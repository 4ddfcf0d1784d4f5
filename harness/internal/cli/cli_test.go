package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/images"
)

// run runs the command and returns what it printed.
func run(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errOut strings.Builder
	status = Main(t.Context(), args, &out, &errOut)
	return out.String(), errOut.String(), status
}

// unpacked makes a directory that looks like that of an unpacked kernel.
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

func TestListNamesEachKernelOnce(t *testing.T) {
	stdout, stderr, status := run(t, "kernel", "list")
	if stderr != "" || status != 0 {
		t.Fatalf("exit status %d, on stderr %q", status, stderr)
	}
	lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
	rows := images.Rows()
	if len(lines) != len(rows) {
		t.Fatalf("%d lines for %d kernels:\n%s", len(lines), len(rows), stdout)
	}
	for i, row := range rows {
		if name := strings.Fields(lines[i])[0]; name != row.Name {
			t.Errorf("line %d: got %q first, want %q", i+1, name, row.Name)
		}
		if marked := strings.HasSuffix(lines[i], " (default)"); marked != row.Default {
			t.Errorf("line %q: marked as the default: %t, want %t", lines[i], marked, row.Default)
		}
	}
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

func TestMistakesAreExplained(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"kernel path no-such-kernel", `there is no kernel "no-such-kernel"`},
		{"kernel path ./no/such/directory", "no such file or directory"},
		{"kernel path --boot --modules", "[boot modules]"},
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
