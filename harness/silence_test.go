package harness

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A first process that is frozen never says that it is done; only its silence
// tells.
func TestSilentGuestFailsRun(t *testing.T) {
	t.Parallel()
	dir, err := filepath.Abs("testdata/red")
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "red.test")
	if out, err := exec.Command("go", "test", "-c", "-o", binary, dir).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", dir, err, out)
	}
	env, err := readEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	r := &run{
		env:    env,
		dir:    dir,
		binary: binary,
		flags:  testFlags{Args: []string{"-test.run=^TestFreezesInit$"}},
		trace:  newTrace(),
		stdout: &lastWord{w: &stdout},
		stderr: &stderr,
		// Long enough for a machine to come up on a loaded host, in whose
		// quiet phases nothing is printed.
		silence: 30 * time.Second,
	}
	var f *Failure
	if err := r.do(t.Context()); !errors.As(err, &f) || f.Kind != GuestDown || f.Status != 69 {
		t.Fatalf("got %v, want a failure of kind %v with status 69", err, GuestDown)
	}
	if want := "the guest has shown no sign of life for 30s"; f.Title != want || !strings.Contains(f.Advice, "-device virtio-serial-pci") {
		t.Errorf("the failure says %q and %q, want %q and QEMU's command line", f.Title, f.Advice, want)
	}
	if strings.Contains(stdout.String(), "PASS") {
		t.Errorf("the tests' output says PASS: %q", &stdout)
	}
}
