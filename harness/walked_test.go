package harness_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// lineOf returns the number of the line of walked.c with a comment.
func lineOf(t *testing.T, comment string) int {
	t.Helper()
	text, err := os.ReadFile("testdata/modules/walked/walked.c")
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(strings.Split(string(text), "\n"), func(line string) bool { return strings.HasSuffix(line, "/* "+comment+" */") })
	if i < 0 {
		t.Fatalf("walked.c has no comment %q", comment)
	}
	return i + 1
}

// TestWalkFindsErrors walks error paths, each with an error.
func TestWalkFindsErrors(t *testing.T) {
	t.Parallel()
	c := newCommand(t, []string{"WALKED_ERRORS=y"}, binary(t, "walked"), "-test.v")
	if status := c.status(t); status != 255 {
		t.Errorf("exit status %d, want 255, that of a kernel fault\n%s", status, c.stderr.String())
	}
	out := c.stdout.String()
	for _, want := range []struct{ step, comment, text string }{
		{`TestLeak/3_kmalloc_walked.c:\d+`, "is leaked", `memory of kmalloc at walked.c:%d is still held`},
		{`TestTwice/3_kmalloc_walked.c:\d+`, "is released twice", `memory of kmalloc at walked.c:%d was released twice: at walked.c:\d+, then at walked.c:\d+`},
		{`TestLock/2_kmalloc_walked.c:\d+`, "is not unlocked", `the mutex of mutex_lock at walked.c:%d is still locked`},
		{`TestErrno/2_kstrdup_walked.c:\d+`, "has another error", `invalid argument; want cannot allocate memory \(ENOMEM\), the error of kstrdup at walked.c:%d`},
		{`TestReleased/3_kmalloc_walked.c:\d+`, "is used after its release", `memory of kmalloc at walked.c:%d was written after its release at walked.c:\d+: byte 0`},
		{`TestInit/2_kmalloc_walked.c:\d+`, "stays registered", `misc device of misc_register at walked.c:%d was still held when the module was unloaded`},
	} {
		text := fmt.Sprintf(want.text, lineOf(t, want.comment))
		if !regexp.MustCompile(`(?m)^=== RUN   ` + want.step + `\n    walked_test.go:\d+: .*` + text + `$`).MatchString(out) {
			t.Errorf("%s does not fail with %s", want.step, text)
		}
	}
	if !regexp.MustCompile(`(?m)^=== RUN   TestMissing/2_kmalloc_walked.c:\d+\n    kernel fault \(null-dereference\)`).MatchString(out) {
		t.Error("no step of TestMissing breaks the kernel")
	}
	if !strings.Contains(out, "the function makes no call of a module under test that can fail") {
		t.Error("TestNothing does not say why it fails")
	}
	if !strings.Contains(out, "    --- PASS: TestMissing/3_") {
		t.Error("the walk ends with the step that breaks the kernel")
	}
	if failed := strings.Count(out, "\n    --- FAIL: "); failed != 7 {
		t.Errorf("%d steps fail, want 7", failed)
	}
	if t.Failed() {
		t.Log(out)
	}
}

// TestWalkOfCorrectModule walks the same error paths without the errors.
func TestWalkOfCorrectModule(t *testing.T) {
	t.Parallel()
	c := newCommand(t, []string{"WALKED_ERRORS="}, binary(t, "walked"), "-test.v", "-test.skip=^TestNothing$")
	if status := c.status(t); status != 0 {
		t.Errorf("exit status %d, want 0\n%s%s", status, c.stdout.String(), c.stderr.String())
	}
	for step, comment := range map[string]string{
		"TestLeak/1_copy_from_user": "the copy", "TestErrno/2_kstrdup": "has another error", "TestInit/1_misc_register": "stays registered",
	} {
		name := fmt.Sprintf("--- PASS: %s_walked.c:%d ", step, lineOf(t, comment))
		if !strings.Contains(c.stdout.String(), name) {
			t.Errorf("the output does not say %q:\n%s", name, c.stdout.String())
		}
	}
}

// TestWalkRequiresConfig walks a module that was not built for it.
func TestWalkRequiresConfig(t *testing.T) {
	t.Parallel()
	c := newCommand(t, []string{"WALKED_OFF=1"}, binary(t, "walked"), "-test.run=TestLeak")
	if status := c.status(t); status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	if out := c.stdout.String(); !strings.Contains(out, "set FaultWalk in harness.Config") {
		t.Errorf("the output does not name the field:\n%s", out)
	}
}
