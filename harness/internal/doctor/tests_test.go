package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPackagesThatRunOnHostAreNamed(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module example.com/m\n\ngo 1.24\n", 0o644)
	if f := (Host{Dir: dir}).tests(t.Context()); len(f) > 0 {
		t.Errorf("without packages: %+v", f)
	}
	write(t, filepath.Join(dir, "plain", "plain_test.go"), "package plain\n\nimport \"testing\"\n\nfunc TestX(*testing.T) {}\n", 0o644)
	f := (Host{Dir: dir}).tests(t.Context())
	if len(f) != 1 || f[0].State != OK || !strings.Contains(f[0].Found, "no package imports the harness") {
		t.Errorf("without the harness: %+v", f)
	}
	top, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(top, "go.mod")); err != nil {
		t.Fatal(err)
	}
	f = (Host{Dir: top}).tests(t.Context())
	if len(f) != 1 || f[0].State != OK || !strings.Contains(f[0].Found, "kmodtest/docs") || !strings.Contains(f[0].Found, " more") ||
		strings.Contains(f[0].Found, "kmodtest/vmtest,") {
		t.Errorf("in this repository: %+v", f)
	}
}
