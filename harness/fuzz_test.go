package harness_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fuzzing is a run of go test -fuzz in a separate Go module, like a user's.
type fuzzing struct {
	target string
	env    []string
	status int
	want   []string // regular expressions that match the output
	kept   int      // minimum number of inputs that are kept; 0 means exactly none
	args   []string
}

// An input that breaks the kernel is kept where package testing keeps failing
// inputs, and breaks the kernel again when it is run from there.
func TestFuzzingKeepsWhatBreaksTheKernel(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]fuzzing{
		"warns": {target: "FuzzWarns", status: 1, kept: 1, want: []string{
			`(?m)^    --- FAIL: FuzzWarns `, `fuzz_test\.go:\d+: kernel fault \(warning\): WARNING in crash_warn`,
			`(?m)^    kernel fault \(warning\): WARNING in crash_warn \[crash\]: \d+ more like this$`,
		}},
		"may warn":     {target: "FuzzMayWarn", env: []string{"KMODTEST_KERNEL_LOG=1"}, want: []string{`WARNING: .* crash_warn`}},
		"any may warn": {target: "FuzzWarns", env: []string{"KMODTEST_KERNEL_LOG=1", "FUZZ_ALLOW=crash_warn"}, want: []string{`WARNING: .* crash_warn`}},
		"dies": {target: "FuzzDies", status: 1, kept: 1, want: []string{
			`(?m)^--- FAIL: FuzzDies `, `the input that was being tried is kept: testdata/fuzz/FuzzDies/[0-9a-f]{16}\n`,
		}},
		"dies with two workers":        {target: "FuzzDies", args: []string{"-parallel=2"}, status: 1, kept: 1},
		"dies without a snapshot":      {target: "FuzzDies", env: []string{"KMODTEST_SNAPSHOT=off"}, status: 1, kept: 1},
		"dies with memory above 4 GiB": {target: "FuzzDies", env: []string{"FUZZ_MEMORY=5120"}, status: 1, kept: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f.check(t)
		})
	}
}

func (f fuzzing) check(t *testing.T) {
	t.Helper()
	dir := moduleOf(t, "testdata/fuzz")
	module, err := filepath.Abs("testdata/crash")
	if err != nil {
		t.Fatal(err)
	}
	env := append(f.env, "FUZZ_MODULE="+module)
	args := append([]string{"test", "-run=^$", "-fuzz=^" + f.target + "$", "-fuzztime=300x", "-parallel=1"}, f.args...)
	c := newCommand(t, env, "go", append(args, ".", "-args", "-test.fuzzcachedir="+t.TempDir())...)
	c.Dir = dir
	status := c.status(t)
	out := c.stdout.String() + c.stderr.String()
	if status != f.status {
		t.Fatalf("exit status %d, want %d:\n%s", status, f.status, out)
	}
	for _, want := range f.want {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("nothing in the output matches %q:\n%s", want, out)
		}
	}
	again := regexp.MustCompile(`go test -run=(\S+)`).FindAllStringSubmatch(out, -1)
	if len(again) < f.kept || f.kept == 0 && len(again) > 0 {
		t.Fatalf("%d inputs are kept, want %d:\n%s", len(again), f.kept, out)
	}
	for _, input := range again {
		c := newCommand(t, env, "go", "test", "-run="+input[1], ".")
		c.Dir = dir
		if status := c.status(t); status != 1 || !strings.Contains(c.stdout.String(), "--- FAIL: "+input[1]+" ") {
			t.Errorf("the input %s again: exit status %d:\n%s%s", input[1], status, &c.stdout, &c.stderr)
		}
	}
}

// moduleOf copies a package into a separate Go module that requires this one.
func moduleOf(t *testing.T, pkg string) string {
	t.Helper()
	dir, root := t.TempDir(), ".."
	if err := os.CopyFS(dir, os.DirFS(pkg)); err != nil {
		t.Fatal(err)
	}
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		const ours = "github.com/kmodtest/kmodtest"
		if name == "go.mod" {
			text = bytes.Replace(text, []byte("module "+ours), []byte("module example.com/fuzz"), 1)
			text = append(text, "\nrequire "+ours+" v0.0.0\n\nreplace "+ours+" => "+here+"\n"...)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
