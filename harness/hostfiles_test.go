package harness_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/images/cache"
)

// hostRun runs the tests in testdata/foreign/host with further flags, and returns the
// output and the exit status.
func hostRun(t *testing.T, flags []string, args ...string) (out string, status int) {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("testdata", "foreign", "host"))
	if err != nil {
		t.Fatal(err)
	}
	expected, err := os.CreateTemp(dir, "expected-*.tmp") // it did not exist when the machine was saved
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(expected.Name())
	if _, err := expected.WriteString("of this run"); err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	cached, err := cache.Dir()
	if err != nil {
		t.Fatal(err)
	}
	private := strings.Join([]string{secret, "/etc/shadow", filepath.Join(cached, "kernels", "file"), "/root/.ssh/id"}, ":")
	var programs strings.Builder
	for _, name := range []string{"ls", "sh", "python3", "perl", "git", "ip", "nft", "openssl", "gcc", "bash"} {
		if _, err := exec.LookPath(name); err == nil {
			programs.WriteString(" " + name)
		}
	}
	env := []string{"FOREIGN_EXPECTED=" + expected.Name(), "FOREIGN_PRIVATE=" + private, "FOREIGN_PROGRAMS=" + programs.String() + " "}
	return foreign(t, env, append(append([]string{"test"}, flags...), append([]string{"-v"}, args...)...)...)
}

func TestGuestSeesFilesOfHost(t *testing.T) {
	t.Parallel()
	before := tracked(t)
	out, status := hostRun(t, nil, "./host")
	want := map[string]string{
		"TestFilesBesideTestsAreThere": "PASS", "TestProgramsOfHostRun": "PASS", "TestWritesStayInGuest": "PASS",
		"TestPrivateFilesAreNotVisible": "PASS", "TestSystemIsAsOnHost": "PASS", "TestSystemHasWhatProgramsExpect": "PASS",
		"TestLoopDeviceShowsFile": "PASS",
	}
	if got := results(out); !sameEnds(got, want) || status != 0 {
		t.Errorf("status %d, %v; want 0, %v\n%s", status, got, want, out)
	}
	// The next machine is restored, and a file of this run was made since.
	out, status = hostRun(t, nil, "-run=Beside", "./host")
	if got := results(out); got["TestFilesBesideTestsAreThere"] != "PASS" || status != 0 {
		t.Errorf("status %d, %v in a restored machine\n%s", status, got, out)
	}
	if after := tracked(t); after != before {
		t.Errorf("the guest changed files of the host:\n%s\nbefore:\n%s", after, before)
	}
}

// tracked lists the files of testdata/foreign with their sizes and times.
func tracked(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("find", filepath.Join("testdata", "foreign"), "-type", "f", "-name", "*.*", "!", "-name", "*.tmp", "-printf", "%p %s %T@\n").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestGuestSeesRepositoryOnly(t *testing.T) {
	t.Parallel()
	out, status := hostRun(t, []string{"--host=module"}, "-run=Beside|Stay|Private|Programs", "./host")
	got := results(out)
	if status != 1 || got["TestFilesBesideTestsAreThere"] != "PASS" || got["TestProgramsOfHostRun"] != "FAIL" || got["TestPrivateFilesAreNotVisible"] != "PASS" {
		t.Errorf("status %d, %v\n%s", status, got, out)
	}
}

func TestGuestSeesNoFileOfHost(t *testing.T) {
	t.Parallel()
	out, status := hostRun(t, []string{"--host=none"}, "-run=Beside", "./host")
	if got := results(out); status != 1 || got["TestFilesBesideTestsAreThere"] != "FAIL" || !regexp.MustCompile(`host_test\.go: 0 bytes`).MatchString(out) {
		t.Errorf("status %d, %v\n%s", status, got, out)
	}
	if out, status := hostRun(t, []string{"--host=some"}, "./host"); status == 0 || !strings.Contains(out, "they may be none, module or all") {
		t.Errorf("status %d\n%s", status, out)
	}
}
