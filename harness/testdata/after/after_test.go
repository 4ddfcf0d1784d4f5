// Package after has tests whose TestMain does something after they have run.
package after

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness"
)

// TestMain exits with the tests' code, or with AFTER_STATUS if it is set.
func TestMain(m *testing.M) {
	code := harness.Run(m, harness.Config{})
	fmt.Println("after the tests: code", code)
	if status, err := strconv.Atoi(os.Getenv("AFTER_STATUS")); err == nil {
		code = status
	}
	os.Exit(code)
}

func TestPasses(*testing.T) {}

func TestFails(t *testing.T) { t.Error("this test fails") }

// TestPivotsRoot does what container runtimes do. Its thread ends with it.
func TestPivotsRoot(t *testing.T) {
	runtime.LockOSThread()
	const root = "/tmp/root"
	for _, err := range []error{
		unix.Unshare(unix.CLONE_NEWNS),
		os.Mkdir(root, 0o755),
		unix.Mount("tmpfs", root, "tmpfs", 0, ""),
		os.Mkdir(root+"/old", 0o755),
		unix.PivotRoot(root, root+"/old"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat("/old" + root); err != nil {
		t.Errorf("the former root: %v", err)
	}
	if err := unix.Unmount("/old", unix.MNT_DETACH); err != nil {
		t.Errorf("unmount the former root: %v", err)
	}
}
