//go:build adopt

package harness_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/images"
)

const dkmsBuilt = "builds"

// asInstalled runs a command where the kernel $1, with the build directory $2, is
// installed: many makefiles look there, whatever DKMS tells them.
const asInstalled = `mount -t tmpfs modules /lib/modules
mkdir "/lib/modules/$1"
ln -s "$2" "/lib/modules/$1/build"
shift 2
exec "$@"`

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
	if err := os.MkdirAll("/lib/modules", 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("unshare", "--map-root-user", "--mount", "sh", "-ec", asInstalled, "sh", k.Release, k.Build,
		"dkms", "build", "-m", name, "-v", version, "-k", k.Release, "-a", "x86_64",
		"--dkmstree", tree, "--sourcetree", filepath.Dir(source), "--kernelsourcedir", k.Build)
	// make adopt started this test: with its flags, a make of DKMS prints more than DKMS expects.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "MAKE") || strings.HasPrefix(v, "MFLAGS=")
	})
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
	log, err := os.ReadFile(filepath.Join(tree, name, version, "build/make.log"))
	if err != nil {
		t.Error(err)
	}
	t.Logf("dkms build of %s %s:\n%s[…]\n%s", name, version, said, log[max(0, len(log)-4000):])
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
