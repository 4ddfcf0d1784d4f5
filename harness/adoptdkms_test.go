//go:build adopt

package harness_test

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/images"
)

const dkmsBuilt = "builds"

// dkmsBuilds builds a package with DKMS, in a tree of its own. It returns the result and,
// if it is dkmsBuilt, the directory of the modules.
func dkmsBuilds(t *testing.T, source, kernel string) (result, dir string) {
	t.Helper()
	k, err := images.Resolve(t.Context(), kernel, images.Options{})
	if err != nil {
		t.Fatal(err)
	}
	name, version := dkmsName(t, source)
	tree := t.TempDir()
	cmd := exec.Command("dkms", "build", "-m", name, "-v", version, "-k", k.Release, "-a", "x86_64",
		"--dkmstree", tree, "--sourcetree", filepath.Dir(source), "--kernelsourcedir", k.Build)
	said, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return dkmsBuilt, filepath.Join(tree, name, version, k.Release, "x86_64/module")
	case !errors.As(err, &exit):
		t.Fatal(err)
	case exit.ExitCode() == 77:
		return notApplicable, ""
	}
	t.Logf("dkms build of %s %s:\n%s", name, version, said)
	return fmt.Sprintf("fails (%d)", exit.ExitCode()), ""
}

// dkmsName returns the name and the version in a dkms.conf, by running it as DKMS does.
func dkmsName(t *testing.T, source string) (name, version string) {
	t.Helper()
	const script = `. "$1" >/dev/null 2>&1; echo "$PACKAGE_NAME/$PACKAGE_VERSION"`
	out, err := exec.Command("bash", "-c", script, "bash", filepath.Join(source, "dkms.conf")).Output()
	if err != nil {
		t.Fatalf("read the name of the package in %s: %v", source, err)
	}
	name, version, _ = strings.Cut(strings.TrimSpace(string(out)), "/")
	return name, version
}
