package harness_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// suite returns the path of the test binary of this repository's suite.
func suite(t *testing.T) (binary, dir string) {
	t.Helper()
	dir, err := filepath.Abs("../vmtest")
	if err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(t.TempDir(), "vmtest.test")
	if out, err := exec.Command("go", "test", "-c", "-o", binary, dir).CombinedOutput(); err != nil {
		t.Fatalf("build the suite: %v\n%s", err, out)
	}
	return binary, dir
}

// gdbLine matches the command that a run prints.
var gdbLine = regexp.MustCompile(`(?m)^ {4}gdb -x (\S+)$`)

// debug starts a run with gdb, which executes these commands, and returns what both print
// and the exit status of the run.
func debug(t *testing.T, c *command, commands ...string) (session, run string, status int) {
	t.Helper()
	out := &watched{}
	c.Stdout, c.Stderr = out, out
	c.Env = append(c.Env, "KMODTEST_GDB=1")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	awaitOutput(ctx, t, out, "    gdb -x ")
	var script string
	for script == "" && ctx.Err() == nil { // the rest of the line
		if found := gdbLine.FindStringSubmatch(out.String()); found != nil {
			script = found[1]
		}
	}
	args := []string{"-nx", "-batch", "-x", script}
	for _, command := range commands {
		args = append(args, "-ex", command)
	}
	gdb, err := exec.CommandContext(ctx, "gdb", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("gdb: %v\n%s\nthe run:\n%s", err, gdb, out)
	}
	_ = c.Wait() // its status is returned
	return string(gdb), out.String(), c.ProcessState.ExitCode()
}

func TestDebuggerStopsInModule(t *testing.T) {
	t.Parallel()
	binary, dir := suite(t)
	c := newCommand(t, nil, binary, "-test.v", "-test.run=^TestSetRejectsLongMessage$")
	c.Dir = dir
	session, run, status := debug(t, c, "break socketopt_set if len == 65", "continue", "print len", "bt", "delete", "detach")
	place := regexp.MustCompile(`Breakpoint \d+, socketopt_set \(.*len=65\).* at .*/kmod/handlers\.c:\d+`)
	if !place.MatchString(strings.ReplaceAll(session, "\n", " ")) || !strings.Contains(session, "\n$1 = 65\n") {
		t.Errorf("gdb did not stop in the handler with len=65:\n%s", session)
	}
	if !regexp.MustCompile(`#1 .* nf_setsockopt(.*\n)*#\d+ .* do_syscall_64`).MatchString(session) {
		t.Errorf("the stack does not lead to the system call:\n%s", session)
	}
	if status != 0 || !strings.Contains(run, "--- PASS: TestSetRejectsLongMessage") {
		t.Errorf("status %d, want 0 and a test that passes\n%s", status, run)
	}
}

// The module reports a fault; gdb stops before the kernel prints it, and shows the line
// that caused it.
func TestDebuggerStopsAtFault(t *testing.T) {
	for way, function := range map[string]string{"warn": "__warn", "null-read": "oops_enter"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			program, err := kmodtest()
			if err != nil {
				t.Fatal(err)
			}
			c := newCommand(t, nil, program, "run", "--", "/bin/sh", "-c", "echo "+way+" >/proc/crash")
			c.Dir = filepath.Join("testdata", "foreign")
			session, run, status := debug(t, c, "continue", "bt", "delete", "detach")
			line := markedLine(t, way)
			if !regexp.MustCompile(`#0 .* ` + function + ` \(\)(.*\n)*#\d+ .* at .*/` + line + `\n(.*\n)*#\d+ .*(ksys_write|vfs_write)`).MatchString(session) {
				t.Errorf("the stack does not lead from %s to %s and the system call:\n%s", function, line, session)
			}
			if strings.Contains(session, "not saved") {
				t.Errorf("the end of the stack is an error:\n%s", session)
			}
			if status != 255 || !strings.Contains(run, "kernel fault") {
				t.Errorf("status %d, want 255 and a fault\n%s", status, run)
			}
		})
	}
}

// The user of gdb takes as long as he likes.
func TestStoppedMachineIsNotSilent(t *testing.T) {
	t.Parallel()
	program, err := kmodtest()
	if err != nil {
		t.Fatal(err)
	}
	c := newCommand(t, []string{"KMODTEST_SILENCE=8s"}, program, "run", "--timeout=60s", "--", "/bin/true")
	c.Dir = filepath.Join("testdata", "foreign")
	if session, run, status := debug(t, c, "shell sleep 14", "delete", "detach"); status != 0 {
		t.Errorf("status %d, want 0\n%s\n%s", status, session, run)
	}
}

func TestDebuggerThatKillsMachineIsTheCause(t *testing.T) {
	t.Parallel()
	program, err := kmodtest()
	if err != nil {
		t.Fatal(err)
	}
	c := newCommand(t, nil, program, "run", "--", "/bin/true")
	c.Dir = filepath.Join("testdata", "foreign")
	// Newer versions of gdb may fail as QEMU ends, and exit with the status of the last command.
	if session, run, status := debug(t, c, "kill", "echo killed\\n"); status != 69 || !strings.Contains(run, "GDB") {
		t.Errorf("status %d, want 69 and the cause\n%s\n%s", status, session, run)
	}
}

// markedLine returns the file and line of the module crash with the comment /* WAY */.
func markedLine(t *testing.T, way string) string {
	t.Helper()
	files, err := filepath.Glob("testdata/crash/*.c")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if at := bytes.Index(text, []byte("/* "+way+" */")); at >= 0 {
			return fmt.Sprintf("%s:%d", filepath.Base(path), bytes.Count(text[:at], []byte("\n"))+1)
		}
	}
	t.Fatalf("no line of testdata/crash has the comment /* %s */", way)
	return ""
}
