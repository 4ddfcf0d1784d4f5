package guest

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// childCall is the environment variable that tells a child process for which
	// call of InUserNamespace it runs the body.
	childCall = "KMODTEST_USER_NAMESPACE"
	// childDone is the text that a child writes to file descriptor 3 after the body
	// has returned.
	childDone = "done"
	// mappedIDs is the number of user and group IDs, from 0, that are the same
	// inside and outside of the new user namespace.
	mappedIDs = 1 << 16
)

// InUserNamespace runs body as root, with all capabilities, in a new user namespace and
// in the other new namespaces that flags selects (unix.CLONE_NEWNET and so on, or 0).
//
// A process with several threads, as any Go program, cannot enter a user namespace. So
// the current test runs once more in a child process: the code before the call runs there
// as well, then body, and nothing after it. Variables that body sets are lost with the
// child. The test fails with the child's output if the child fails or if body does not
// return. Body may use the other helpers, but must not call InUserNamespace.
func InUserNamespace(tb testing.TB, flags uintptr, body func()) {
	tb.Helper()
	require(tb)
	_, file, line, _ := runtime.Caller(1)
	call := fmt.Sprintf("%s at %s:%d", tb.Name(), file, line)
	switch os.Getenv(childCall) {
	case "":
		runChild(tb, flags, call)
	case call:
		body()
		finishChild(tb)
	}
}

// runChild runs the test tb again in a child process, and ends tb if the child fails.
func runChild(tb testing.TB, flags uintptr, call string) {
	tb.Helper()
	done, childEnd, err := os.Pipe()
	if err != nil {
		tb.Fatalf("make pipe: %v", err)
	}
	defer func() { _ = done.Close() }()
	//nolint:noctx // the child gets the test's own deadline as its -test.timeout
	cmd := exec.Command("/proc/self/exe", childArguments(tb)...)
	cmd.Env = append(os.Environ(), childCall+"="+call)
	cmd.ExtraFiles = []*os.File{childEnd}
	ids := []syscall.SysProcIDMap{{Size: mappedIDs}}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:                 syscall.CLONE_NEWUSER | flags,
		UidMappings:                ids,
		GidMappings:                ids,
		GidMappingsEnableSetgroups: true,
	}
	output, err := cmd.CombinedOutput()
	_ = childEnd.Close()
	if err != nil {
		tb.Fatalf("in the user namespace: %v%s", err, quote(output))
	}
	said, err := io.ReadAll(done)
	if err != nil {
		tb.Fatalf("read from the child: %v", err)
	}
	if string(said) != childDone {
		tb.Fatalf("in the user namespace: the body did not run to its end%s", quote(output))
	}
}

// quote puts a bar in front of each line of a child's output, so that neither people nor
// go test -json take it for the parent's.
func quote(output []byte) string {
	var out strings.Builder
	for line := range strings.Lines(string(output)) {
		out.WriteString("\n| " + strings.TrimSuffix(line, "\n"))
	}
	return out.String()
}

// finishChild ends the test in the child after the body has returned, and reports that to
// the parent.
func finishChild(tb testing.TB) {
	tb.Helper()
	if tb.Failed() {
		tb.FailNow()
	}
	if _, err := os.NewFile(3, "parent").WriteString(childDone); err != nil {
		tb.Fatalf("write to the parent: %v", err)
	}
	tb.SkipNow()
}

// childArguments returns the arguments with which a test binary runs only the test tb,
// once.
func childArguments(tb testing.TB) []string {
	var elements []string
	for element := range strings.SplitSeq(tb.Name(), "/") {
		elements = append(elements, "^"+regexp.QuoteMeta(element)+"$")
	}
	arguments := []string{
		"-test.run=" + strings.Join(elements, "/"), "-test.count=1", "-test.v=true",
		"-test.paniconexit0=true",
	}
	if testing.Short() {
		arguments = append(arguments, "-test.short=true")
	}
	if t, ok := tb.(*testing.T); ok {
		if deadline, ok := t.Deadline(); ok {
			arguments = append(arguments, fmt.Sprintf("-test.timeout=%v", max(time.Until(deadline), time.Millisecond)))
		}
	}
	return arguments
}
