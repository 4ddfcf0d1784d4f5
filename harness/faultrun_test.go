//go:build faults

package harness_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/klog"
	"github.com/kmodtest/kmodtest/harness/internal/klog/symbols"
	"github.com/kmodtest/kmodtest/harness/internal/qemu/board"
	"github.com/kmodtest/kmodtest/images"
	"github.com/kmodtest/kmodtest/images/cache"
)

var (
	faultKernels  = flag.String("kernels", "6.1", "comma-separated names of the kernels to break")
	faultDocument = flag.String("document", "", "the document to update with the tables; requires all kernels in -kernels")
	faultLogs     = flag.String("logs", "", "a directory for the consoles of the kernels")
)

// breakage is the result of a run with one test that breaks the kernel.
type breakage struct {
	faults  []klog.Fault
	console string
	output  string
	blamed  []string // tests that failed, the innermost ones
	passed  []string
}

// result matches the testing package's line about the end of a test.
var result = regexp.MustCompile(`(?m)^ *--- (PASS|FAIL): (\S+) `)

// breakKernel runs the tests that match a pattern, one of which breaks the kernel,
// and keeps all output of the kernel. qemus is the directory of listener.
func breakKernel(t *testing.T, kernel, qemus, binary, name, pattern string, timeout time.Duration) breakage {
	t.Helper()
	dir := *faultLogs
	if dir == "" {
		dir = t.TempDir()
	}
	dir = filepath.Join(dir, kernel)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, name+".log")
	if err := os.WriteFile(log, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	c := newCommand(t, []string{
		"KMODTEST_KERNEL=" + kernel, "KMODTEST_QEMU=" + filepath.Join(qemus, emulator(t, kernel)), consoleVariable + "=" + log,
		"CRASHES_CONSOLE=1",
	}, binary, "-test.v", "-test.timeout="+timeout.String(), "-test.run="+pattern)
	c.status(t) // the results of the tests are checked one by one
	console, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	b := breakage{console: string(console), output: c.stdout.String() + c.stderr.String()}
	b.faults = klog.ConsoleFaults(b.console)
	resolve(t, b.faults)
	if strings.Contains(b.output, "the kernel is tainted (") {
		b.faults = append(b.faults, klog.Fault{Kind: klog.Taint})
	}
	b.sort(c.stdout.String())
	return b
}

// consoleVariable names the file for a machine's console.
const consoleVariable = "HARNESS_TEST_CONSOLE"

// listener makes a directory with scripts that start QEMU for the kernels and also write the
// console to a file. All machines use the same script, so that they are copies of one
// snapshot.
func listener(t *testing.T, kernels ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, kernel := range kernels {
		program := emulator(t, kernel)
		qemu, err := exec.LookPath(program)
		if err != nil {
			t.Fatal(err)
		}
		// QEMU's environment lacks the variable, so the script reads its parent's.
		script := fmt.Sprintf("#!/bin/bash\nlog=$(tr '\\0' '\\n' </proc/$PPID/environ | sed -n 's/^%s=//p')\n"+
			"exec %s \"$@\" > >(exec tee -a \"$log\")\n", consoleVariable, qemu)
		if err := os.WriteFile(filepath.Join(dir, program), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// emulator returns the name of QEMU's program for a kernel.
func emulator(t *testing.T, kernel string) string {
	t.Helper()
	_, goarch := images.SplitName(kernel)
	b, err := board.Of(goarch)
	if err != nil {
		t.Fatal(err)
	}
	return b.Program
}

// resolve finds the places of faults in the modules that the harness has built.
func resolve(t *testing.T, faults []klog.Fault) {
	t.Helper()
	dir, err := cache.Dir()
	if err != nil {
		t.Fatal(err)
	}
	var table symbols.Table
	if err := table.AddCache(dir); err != nil {
		t.Fatal(err)
	}
	for i := range faults {
		table.Resolve(&faults[i])
	}
}

// sort sets the tests that passed and the tests that are guilty. The parents of a
// guilty test, which fail with it, are not included.
func (b *breakage) sort(stdout string) {
	var failed []string
	for _, m := range result.FindAllStringSubmatch(stdout, -1) {
		if m[1] == "PASS" {
			b.passed = append(b.passed, m[2])
		} else {
			failed = append(failed, m[2])
		}
	}
	for _, name := range failed {
		around := func(other string) bool { return strings.HasPrefix(other, name+"/") }
		if !slices.ContainsFunc(failed, around) {
			b.blamed = append(b.blamed, name)
		}
	}
}

// attributed reports whether the faults are attributed to the test that broke the
// kernel, and to no other.
func (b *breakage) attributed(test string) bool { return slices.Equal(b.blamed, []string{test}) }

// kinds returns the kinds of the faults, each once.
func (b *breakage) kinds() []string {
	var kinds []string
	for _, f := range b.faults {
		if !slices.Contains(kinds, string(f.Kind)) {
			kinds = append(kinds, string(f.Kind))
		}
	}
	return kinds
}

// complaint matches a line that a kernel prints when it reports any fault.
var complaint = regexp.MustCompile(`(?m)^.*(Call Trace:|BUG: |WARNING: |Oops: |Kernel panic|cut here|KASAN|UBSAN|detected stall|soft lockup|hard LOCKUP|blocked for more|Tainted: ).*$`)

// failedAllocation matches a kernel message, with a call trace, about a failed
// allocation. It is not a fault.
var failedAllocation = regexp.MustCompile(`(?s)page allocation failure: .*?Mem-Info:`)

// unseen returns the first console line of a fault that was not found, or "". It
// skips the kernel's answers to SysRq keys, which are sent when a test that hangs
// exceeds its timeout.
func (b *breakage) unseen() string {
	if len(b.faults) > 0 {
		return ""
	}
	unasked, _, _ := strings.Cut(b.console, "sysrq: Show backtrace")
	for _, line := range complaint.FindAllString(failedAllocation.ReplaceAllString(unasked, ""), -1) {
		if !strings.Contains(line, "lkdtm: ") { // these lines name the options that a kernel lacks
			return line
		}
	}
	return ""
}

// documented returns the cells of the document's table of that name, by column and
// row. It returns no cells if there is no table.
func documented(t *testing.T, name string) map[string]string {
	t.Helper()
	cells := map[string]string{}
	if *faultDocument == "" {
		return cells
	}
	_, table, _ := around(t, name)
	var columns []string
	for line := range strings.Lines(table) {
		row := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if columns == nil {
			columns = row
		}
		for i := 1; i < min(len(row), len(columns)); i++ {
			cells[strings.TrimSpace(columns[i])+" "+strings.Trim(row[0], " `")] = strings.TrimSpace(row[i])
		}
	}
	return cells
}

// document puts a table into the document, in place of the one between the
// marks of its name.
func document(t *testing.T, name, table string) {
	t.Helper()
	if *faultDocument == "" {
		return
	}
	head, _, foot := around(t, name)
	if err := os.WriteFile(*faultDocument, []byte(head+table+foot), 0o644); err != nil {
		t.Fatal(err)
	}
}

// around returns the document's table of that name, and the text before and after
// it, with the marks.
func around(t *testing.T, name string) (head, table, foot string) {
	t.Helper()
	text, err := os.ReadFile(*faultDocument)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->\n"
	head, rest, begins := strings.Cut(string(text), begin)
	table, foot, ends := strings.Cut(rest, end)
	if !begins || !ends {
		t.Fatalf("%s has no place for the table %s", *faultDocument, name)
	}
	return head + begin, table, end + foot
}

// yes is a cell of a table.
func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
