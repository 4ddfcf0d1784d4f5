package report

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

func markdown(t *testing.T, r *Report) string {
	t.Helper()
	b, err := r.Markdown()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTextsAreEscapedByTheirPlace(t *testing.T) {
	const text = "Test_x <b> & *y* `z` | @user #1 https://example.org $a$\n</summary>"
	for name, c := range map[string]struct{ got, want string }{
		"cell": {inCell(text), "Test\\_x &lt;b&gt; &amp; \\*y\\* \\`z\\` \\| @\u200buser #\u200b1 https:\u200b//example.org " +
			"<span>$</span>a<span>$</span> &lt;/summary&gt;"},
		"summary": {inSummary(text), "Test_x &lt;b&gt; &amp; *y* `z` | @\u200buser #\u200b1 https:\u200b//example.org " +
			"<span>$</span>a<span>$</span> &lt;/summary&gt;"},
		"fence": {inFence("```\n````" + strings.Repeat("`", 10_000) + "\n"), strings.Repeat("`", 33) + "\n```\n" +
			strings.Repeat("`", 32) + "[…]\n" + strings.Repeat("`", 33) + "\n"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", name, c.got, c.want)
		}
	}
}

// A fenced block ends where its own fence does, not where a guest prints one.
func TestMaliciousOutputStaysInItsBlock(t *testing.T) {
	text := markdown(t, maliciousReport())
	fence := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case fence == "" && strings.HasPrefix(line, "```"):
			fence = line
		case fence != "" && line == fence:
			fence = ""
		case fence != "":
		case strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "|--") || strings.HasPrefix(line, "### "):
		case regexp.MustCompile(`^(<details><summary>[^<>]*(<span>\$</span>[^<>]*)*</summary>|</details>)?$`).MatchString(line):
		default:
			t.Errorf("a line outside of blocks and the table: %q", line)
		}
	}
	if fence != "" {
		t.Errorf("the block with the fence %q does not end", fence)
	}
	if strings.Contains(text, `Test\_`) && !strings.Contains(text, "|") {
		t.Error("Markdown escapes outside the table")
	}
}

// died is the report of a run whose machine a test has killed: the fault report
// is in the test's output.
func died() *Report {
	return &Report{Kernels: []Kernel{{Name: "6.1"}}, Packages: []string{"p"}, Runs: []Run{{
		Kernel: "6.1", Package: "p", State: Fault, Stage: "tests", Title: "Oops: it, during TestBoom",
		Advice: "the machine did not survive it; QEMU was:\nqemu-system-x86_64 " + strings.Repeat("-device x ", 100),
		Output: "kmodtest: FAIL: kernel fault: Oops: it\nkmodtest: qemu-system-x86_64\n",
		Tests: []Test{
			{Name: "TestFine", State: Passed, Output: "fine\n"},
			{Name: "TestBoom", State: Fault, Output: strings.Repeat("before\n", 10_000) + "    kernel fault (oops): Oops: it\n        Call Trace:\n         boom+0x1\n" +
				strings.Repeat("after\n", 10_000)},
			{Name: "TestWrong", State: Failed, Output: "wrong\n"},
		},
		Steps: Steps(Fault, "tests", nil),
	}}}
}

func TestTraceOfDeadMachineComesBeforeCommandLine(t *testing.T) {
	text := markdown(t, died())
	order := regexp.MustCompile(`(?s)TestBoom: ended in a fault.*Call Trace:.*boom\+0x1.*--- TestWrong: failed\nwrong\n` + "```\n\n" +
		`<details><summary>Advice</summary>\n\n` + "```\n" + `.*qemu-system-x86_64 -device x.*</details>\n\n</details>\n$`)
	if !order.MatchString(text) {
		t.Errorf("got\n%s", text)
	}
	if explanation := died().Runs[0].Explanation(); !regexp.MustCompile(`(?s)Call Trace:.*wrong.*qemu-system`).MatchString(explanation) {
		t.Errorf("got\n%s", explanation)
	}
	b, err := died().JUnit()
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "boom+0x1"); n != 2 {
		t.Errorf("the trace is %d times in the JUnit report, want in the step and the test:\n%s", n, b)
	}
}

func TestMarkdownFitsStepSummary(t *testing.T) {
	for _, size := range []struct{ kernels, packages, tests int }{{1, 1, 3000}, {20, 20, 5}, {200, 20, 1}} {
		r := &Report{}
		for k := range size.kernels {
			r.Kernels = append(r.Kernels, Kernel{Name: fmt.Sprint("6.", k), Order: k})
		}
		var tests []Test
		for n := range size.tests {
			tests = append(tests, Test{Name: fmt.Sprint("Test", n, strings.Repeat("$", 1000)), State: Failed, Output: strings.Repeat("wrong\n", 1000)})
		}
		for p := range size.packages {
			pkg := fmt.Sprint("p", p)
			r.Packages = append(r.Packages, pkg)
			for _, k := range r.Kernels {
				run := Run{Kernel: k.Name, Package: pkg, State: Failed, Title: strings.Repeat("$", 1000), Advice: strings.Repeat("@", 3000), Tests: tests}
				if p == 0 && size.packages > 1 {
					run.State = Passed
				}
				r.Runs = append(r.Runs, run)
			}
		}
		text := markdown(t, r)
		if len(text) > markdownLimit {
			t.Errorf("%+v: %d bytes", size, len(text))
		}
		if !regexp.MustCompile(`left out`).MatchString(text) {
			t.Errorf("%+v: the report does not say that something is left out", size)
		}
		if opened, closed := strings.Count(text, "<details>"), strings.Count(text, "</details>"); opened != closed || opened == 0 {
			t.Errorf("%+v: %d details are opened and %d closed", size, opened, closed)
		}
		passed := strings.Count(text, "✅")
		if failed := strings.Count(text, "| ❌"); size.kernels == 200 && (passed > 0 || failed == 0) {
			t.Errorf("%+v: rows of %d passed and %d failed runs; those that passed are left out first", size, passed, failed)
		}
	}
}

func TestPageHasLimitedNumberOfCells(t *testing.T) {
	r := died()
	for n := range 5000 {
		r.Runs[0].Tests = append(r.Runs[0].Tests, Test{Name: fmt.Sprintf("TestNumber%d", n), State: Passed})
	}
	for k := range 20 {
		r.Kernels = append(r.Kernels, Kernel{Name: fmt.Sprint(k), Order: k})
	}
	b, err := r.HTML()
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	if cells := strings.Count(page, `class="cell`); cells > gridLimit || cells < gridLimit/2 {
		t.Errorf("%d cells, want about %d", cells, gridLimit)
	}
	for _, want := range []string{`data-name="TestBoom"`, `data-name="TestWrong"`, "rows left out here"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in the page", want)
		}
	}
}

func TestOutputOfWhatPassedIsShortenedFirst(t *testing.T) {
	r := died()
	log := strings.Repeat("[    1.0] a line of the kernel log\n", 1000)
	for k := range 10 {
		r.Runs = append(r.Runs, Run{Kernel: fmt.Sprint(k), Package: "p", State: Passed, KernelLog: log})
	}
	bad := r.Runs[0].Tests[1].Output
	shorten(r, len(bad)+5*len(log))
	if r.Runs[0].Tests[1].Output != bad {
		t.Error("the output of a bad test is shortened, though those of passed runs suffice")
	}
	if log := r.Runs[1].KernelLog; !strings.Contains(log, "bytes are left out here") {
		t.Errorf("a log of %d bytes is not shortened", len(log))
	}
	shorten(r, 10_000)
	if out := r.Runs[0].Tests[1].Output; len(out) > 10_000 {
		t.Errorf("a bad test keeps %d bytes", len(out))
	}
}
