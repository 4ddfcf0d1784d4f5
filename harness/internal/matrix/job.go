package matrix

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/coverage"
	"github.com/kmodtest/kmodtest/harness/internal/report"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
)

// grace is how long an interrupted test binary may take to stop its machine.
const grace = 20 * time.Second

// Job is one cell of the matrix: a package's tests on a kernel.
type Job struct {
	Kernel  string
	Package string

	order        int    // of the kernel
	dir          string // of the package
	foreign      bool   // its tests do not import the harness
	binary       string // path of the test binary
	compileError error  // why there is no test binary
	choice       Choice // how it runs
	planned      int    // how many top-level tests it will run; 0 if unknown

	coverage *coverage.Profile // of the modules, after the run; nil if it was not measured
}

// names returns the kernel and the package, without the directories of paths.
func (j *Job) names() (kernel, pkg string) { return filepath.Base(j.Kernel), filepath.Base(j.Package) }

// Name returns the names of the kernel and the package.
func (j *Job) Name() string {
	kernel, pkg := j.names()
	return kernel + " " + pkg
}

// do runs the test binary and returns its run, which is not cleaned yet.
func (j *Job) do(ctx context.Context, w *work) (report.Run, verdict.Report) {
	run := report.Run{Kernel: j.Kernel, Package: j.Package, Status: 1, Started: time.Now().UTC(), Tests: []report.Test{}}
	var v verdict.Report
	switch {
	case j.choice.Excluded != "":
		v = verdict.Report{Kind: verdict.NotForKernel.String(), Stage: verdict.KernelStage, Title: j.choice.Excluded}
		run.State, run.Status = state(v, 0), 0
	case j.compileError != nil:
		v = uncompiled(j.compileError)
		run.State = state(v, 1)
	default:
		v = j.execute(ctx, w, &run)
	}
	run.Steps = report.Steps(run.State, string(v.Stage), v.Phases)
	run.Seconds = time.Since(run.Started).Seconds()
	run.Kind, run.Stage, run.Accel, run.Phases = v.Kind, string(v.Stage), v.Accel, v.Phases
	run.Title, run.Advice, run.Raw = v.Title, v.Advice, v.Raw
	return run, v
}

// Uncompiled is the title of a run whose tests do not compile.
const Uncompiled = "the tests do not compile"

// uncompiled returns the verdict on a package whose tests do not compile.
func uncompiled(err error) verdict.Report {
	v := verdict.Report{Kind: verdict.TestFailed.String(), Stage: verdict.BuildStage, Title: Uncompiled, Raw: err.Error()}
	var failed *commandError
	if errors.As(err, &failed) {
		v.Raw = failed.output
	}
	return v
}

// execute runs the test binary as the go command does, but in a process group
// of its own: a terminal's interrupt reaches it only through its context.
func (j *Job) execute(ctx context.Context, w *work, run *report.Run) verdict.Report {
	dir, err := os.MkdirTemp(w.dir, "run-")
	if err != nil {
		run.State = report.Broken
		return broken(err.Error())
	}
	defer os.RemoveAll(dir)
	logFile, verdictFile := filepath.Join(dir, "kernel.log"), filepath.Join(dir, "verdict.json")
	command := []string{j.binary}
	if j.foreign && len(w.options.Exec) == 0 { // it must not run on this system
		run.State = report.Broken
		return broken("its tests do not import the harness, and no command runs them in a guest")
	}
	if j.foreign {
		command = append(slices.Clone(w.options.Exec), j.binary)
	}
	command = append(command, "-test.v=test2json", "-test.paniconexit0", "-test.timeout=30m")
	command = slices.Concat(command, w.options.Args, j.choice.Args)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = j.dir
	cmd.Env = append(os.Environ(), "KMODTEST_KERNEL="+j.Kernel, "KMODTEST_KERNEL_LOG="+logFile, "KMODTEST_VERDICT="+verdictFile, "PWD="+j.dir)
	if w.options.Coverage {
		// The least coverage is that of all runs together.
		cmd.Env = append(cmd.Env, "KMODTEST_COVERAGE="+dir, "KMODTEST_COVERAGE_MIN=0")
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = grace
	setOwnGroup(cmd)

	tests := collector{
		changed: func(test report.Test) { w.options.Viewer.Test(j, test) },
		noted:   func(text string) { w.options.Viewer.Note(j, text) },
	}
	err = tests.run(cmd, w.converter)
	run.Status = cmd.ProcessState.ExitCode()
	v := readVerdict(verdictFile, run.Status)
	if err != nil && !isExit(err) && ctx.Err() == nil {
		v = broken(fmt.Sprintf("run the test binary: %v", err))
	}
	if ctx.Err() != nil && run.Status != 0 {
		v.Kind, v.Title = verdict.HostBroke.String(), "interrupted"
	}
	run.State = state(v, run.Status)
	tests.result(run, v.Raw)
	if names := failedTests(run.Tests); strings.HasPrefix(v.Title, "exit status ") && names != "" {
		v.Title = names + " failed"
	}
	run.KernelLog = readLog(logFile)
	if w.options.Coverage {
		if j.coverage, err = readCoverage(dir, j.Kernel); err != nil {
			return broken(err.Error())
		}
	}
	return v
}

// failedTests returns the names of the first top-level tests that failed.
func failedTests(tests []report.Test) string {
	var names []string
	for _, test := range tests {
		if test.State == report.Failed && !strings.Contains(test.Name, "/") {
			names = append(names, test.Name)
		}
	}
	if more := len(names) - 3; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), more)
	}
	return strings.Join(names, ", ")
}

func isExit(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit)
}

// readLog returns the kernel log of a run, or "" if no kernel was started.
func readLog(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	text, err := report.ReadText(f)
	if err != nil {
		text += fmt.Sprintf("\n[read the kernel log: %v]", err)
	}
	return strings.TrimRight(text, "\n")
}

// run runs the command and collects its standard output and standard error, in
// the order in which they are written.
func (c *collector) run(cmd *exec.Cmd, converter converter) error {
	input, output, err := os.Pipe()
	if err != nil {
		return err
	}
	events, wait, err := converter.convert(input)
	err = errors.Join(err, input.Close())
	if err != nil {
		return errors.Join(err, output.Close())
	}
	read := make(chan error, 1)
	go func() { read <- errors.Join(c.read(events), wait()) }()
	cmd.Stdout, cmd.Stderr = output, output
	err = errors.Join(cmd.Run(), output.Close())
	select {
	case readErr := <-read:
		return errors.Join(err, readErr)
	case <-time.After(grace):
		return errors.Join(err, errors.New("a process that the test binary started still holds its output open"))
	}
}

// setOwnGroup puts a program into a process group of its own, so that a
// terminal's interrupt does not reach it.
func setOwnGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}
