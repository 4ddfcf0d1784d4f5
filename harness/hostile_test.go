package harness_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// hostileRun is a run of a test that tries to mislead, fill or break the host.
type hostileRun struct {
	test   string // of testdata/hostile
	env    []string
	args   []string
	status int
	want   string // regular expression that matches the output
	not    string // regular expression that must not match
}

// A guest whose root is hostile cannot make the run pass, write the host's files,
// fill its memory or control its terminal.
func TestHostileGuestGetsNowhere(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "file")
	for name, c := range map[string]hostileRun{
		"a result file and an exit":        {test: "LeavesWithForgedResult", status: 1, want: `exited with status 0 (while|but|before)|TestLeavesWithForgedResult was running`},
		"the end of a run":                 {test: "ForgesTheEnd", env: []string{"HOSTILE_CODE=0"}, status: 1, want: `exited with status 0 while TestForgesTheEnd was running`},
		"exit code 256":                    {test: "ForgesTheEnd", env: []string{"HOSTILE_CODE=256"}, status: 69, want: `the guest sent invalid data`},
		"many requests":                    {test: "AsksForMachines", env: []string{"HOSTILE_NAME=TestAsksForMachines"}, status: 69, want: `more than \d+ tests request fresh machines at the same time`},
		"requests without a test":          {test: "AsksForMachines", env: []string{"HOSTILE_NAME=TestThatIsNotThere"}, status: 69, want: `there is no such test|more than \d+ tests request`},
		"requests of fresh tests":          {test: "AsksForMachines", env: []string{"HOSTILE_NAME=TestX", "KMODTEST_FRESH=test"}, status: 69, want: `requests a fresh machine, but already runs in one`},
		"many disks":                       {test: "AsksForDisks", env: []string{"HOSTILE_SIZE=512"}, status: 69, want: `more than \d+ requests for devices wait`},
		"a disk of a tebibyte":             {test: "AsksForDisks", env: []string{"HOSTILE_SIZE=1099511627776"}, status: 69, want: `size of a disk: "1099511627776" is not a number from 512 to 4294967296`},
		"many modules":                     {test: "AsksForModules", status: 69, want: `more than \d+ modules are requested at the same time`},
		"many files of the host":           {test: "AsksForHostFiles", status: 69, want: `more than \d+ files of the host are requested at the same time`},
		"files as modules":                 {test: "AsksForFiles", status: 0, want: `asked for module \\x1b\[2J`, not: `\x1b`},
		"lines in the pipe":                {test: "WritesToPipe", env: []string{"KMODTEST_FRESH=test"}, status: 0, want: `PASS`},
		"a file at the wrong time":         {test: "SendsFile", env: []string{"HOSTILE_NAME=" + outside}, status: 69, want: `unexpected file record`},
		"a sparse file":                    {test: "MakesHole", args: []string{"-test.artifacts", "-test.outputdir=" + t.TempDir()}, status: 69, want: `hole.*exceeds the limit`},
		"escape sequences":                 {test: "WritesEscapes", status: 255, want: `sysrq triggered crash`, not: `[\x1b\x07]`},
		"text in the kernel's own records": {test: "PutsReportsIntoRecords", status: 0, want: `PASS`},
		"a taint behind an excused fault":  {test: "TaintsAfterOutOfMemory", status: 255, want: `the kernel is tainted \(warning \(W\)\)`},
		"signals for the first process":    {test: "SendsSignalsToInit", status: 0, want: `PASS`},
		"another root and user":            {test: "LeavesItsPlace", status: 0, want: `PASS`},
		"its own PASS":                     {test: "PrintsPass", status: 1, want: `(?s)PASS\ncoverage: 50% of statements\nafter that\n.*\nFAIL\n`},
		"secrets": {
			test: "ShowsEnvironment", env: []string{"MY_SECRET=1", "MY_TOKEN=1", "HOSTILE_SECRET=allowed"}, status: 0,
			want: `(?s)in the guest: HOSTILE_SECRET=allowed.*look like secrets.*MY_SECRET, MY_TOKEN|(?s)look like secrets.*MY_SECRET, MY_TOKEN.*in the guest: HOSTILE_SECRET=allowed`,
			not:  `in the guest: MY_`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := newCommand(t, c.env, binary(t, "hostile"), append(c.args, "-test.run=^Test"+c.test+"$", "-test.timeout=4m")...)
			status := run.status(t)
			out := run.stdout.String() + run.stderr.String()
			if status != c.status || !regexp.MustCompile(c.want).MatchString(out) || c.not != "" && regexp.MustCompile(c.not).MatchString(out) {
				t.Errorf("exit status %d, want %d and %q, not %q:\n%s", status, c.status, c.want, c.not, strings.ToValidUTF8(out[max(0, len(out)-3000):], "?"))
			}
			if c.status != 0 && regexp.MustCompile(`(?m)^ok\b`).MatchString(out) {
				t.Error("the output says ok")
			}
			if _, err := os.Stat(outside); err == nil {
				t.Error("the guest wrote a file of the host")
			}
		})
	}
}

// Lines that a test logs are kept until it ends. The host keeps the first and the
// last of them.
func TestEndlessLogTakesLittleMemory(t *testing.T) {
	t.Parallel()
	run := newCommand(t, nil, binary(t, "hostile"), "-test.run=^TestLogsWithoutEnd$", "-test.timeout=20s")
	if status := run.status(t); status == 0 {
		t.Error("the run passed")
	}
	usage, ok := run.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		t.Fatal("no resource usage")
	}
	// The test binary has replaced itself with kmodtest-run in this process.
	if mib := usage.Maxrss >> 10; mib > 256 {
		t.Errorf("the host needed %d MiB", mib)
	}
	if out := run.stdout.String(); len(out) > 64<<20 {
		t.Errorf("%d MiB of output", len(out)>>20)
	}
}
