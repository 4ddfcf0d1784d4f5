package vmtest

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// nobody is the ID of a user without capabilities.
const nobody = 65534

// runProgram runs the user-space program in the network namespace of the calling
// goroutine, and returns its output and exit code.
func runProgram(t *testing.T, attr *syscall.SysProcAttr) (stdout, stderr string, code int) {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "user")
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = &out, &errOut, attr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("run user: %v", err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

func TestProgramTalksToTheKernel(t *testing.T) {
	s := newSocket(t)
	stdout, stderr, code := runProgram(t, nil)
	const want = "setsockopt: ret = 0, msg = ----------user------------\n" +
		"getsockopt: ret = 0, msg = --------kernel---------\n"
	if stdout != want || stderr != "" || code != 0 {
		t.Fatalf("user: got %q, on stderr %q, exit code %d; want %q", stdout, stderr, code, want)
	}
	s.wantLast(t, "----------user------------\x00", "after the program")
}

func TestProgramNeedsRightToOpenSocket(t *testing.T) {
	s := newSocket(t)
	stdout, stderr, code := runProgram(t, &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: nobody, Gid: nobody},
	})
	if stdout != "" || stderr != "can not create a socket\n" || code == 0 {
		t.Fatalf("user without capabilities: got %q, on stderr %q, exit code %d", stdout, stderr, code)
	}
	s.wantLast(t, "", "after a program without capabilities")
}

func TestProgramPrintsFailedSet(t *testing.T) {
	s := newSocket(t)
	stdout, stderr, code := runProgram(t, &syscall.SysProcAttr{
		Credential:  &syscall.Credential{Uid: nobody, Gid: nobody},
		AmbientCaps: []uintptr{unix.CAP_NET_RAW},
	})
	if stdout != "" || code == 0 {
		t.Fatalf("user without CAP_NET_ADMIN: got %q, exit code %d", stdout, code)
	}
	for _, want := range []string{"setsockopt", "errno = 1", "operation not permitted"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("user without CAP_NET_ADMIN: got %q on stderr, want it to contain %q", stderr, want)
		}
	}
	s.wantLast(t, "", "after a program without CAP_NET_ADMIN")
}
