//go:build machines

package images

import (
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/images/internal/files"
)

// The tests of this file pack Debian's kernel as other distributions pack theirs, and run the suite on the kernels of
// these packages.

// part moves files from one directory to another.
func part(t *testing.T, from string, patterns ...string) string {
	t.Helper()
	to := t.TempDir()
	for _, pattern := range patterns {
		found, err := files.Glob(from, pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("there is no %s in %s: %v", pattern, from, err)
		}
		for _, path := range found {
			relative, err := filepath.Rel(from, path)
			if err == nil {
				err = files.Move(path, filepath.Join(to, relative))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return to
}

// runSuite runs the suite on the kernel in the cache of a builder.
func runSuite(t *testing.T, b builder) {
	t.Helper()
	kernel, err := b.build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	entry := strings.TrimSuffix(kernel.Image, "/boot/vmlinuz-"+kernel.Release)
	said := string(runIn(t, "../vmtest", []string{"KMODTEST_KERNEL=" + entry}, "go", "test", "-count=1", "."))
	if !strings.HasPrefix(said, "ok ") {
		t.Errorf("the suite printed %s", said)
	}
	t.Logf("%s: %s", kernel.Release, said)
}

// TestSuitePassesOnKernelOfSplitPackages has a signed archive for apt with packages as Ubuntu's: modules and more modules
// are apart from the kernel.
func TestSuitePassesOnKernelOfSplitPackages(t *testing.T) {
	row, err := Resolve(t.Context(), "6.1", Options{})
	if err != nil {
		t.Fatal(err)
	}
	root := copyAsUnpacked(t, row)
	modules := "lib/modules/" + row.Release
	packages := map[string]deb{
		"linux-image-" + row.Release:         {"linux-modules-" + row.Release, part(t, root, "boot/vmlinuz-*")},
		"linux-modules-extra-" + row.Release: {"", part(t, root, modules+"/kernel/net/netfilter", modules+"/kernel/fs/*")},
		"linux-modules-" + row.Release:       {"", part(t, root, modules+"/kernel", modules+"/modules.*")},
		"linux-headers-" + row.Release:       {"make", part(t, root, "usr")},
	}
	dir, keyring := aptArchive(t, packages)
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	runSuite(t, builderFor(t, server.URL, keyring, "'linux-modules-RELEASE', 'linux-modules-extra-RELEASE'"))
}

// TestSuitePassesOnKernelOfRPMs has a signed RPM repository with packages as RHEL's: the kernel is beside its modules, which
// are compressed, and the headers are in usr/src/kernels.
func TestSuitePassesOnKernelOfRPMs(t *testing.T) {
	row, err := Resolve(t.Context(), "6.1", Options{})
	if err != nil {
		t.Fatal(err)
	}
	root := copyAsUnpacked(t, row)
	modules := "lib/modules/" + row.Release
	err = filepath.WalkDir(filepath.Join(root, modules, "kernel"), func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".ko") {
			runIn(t, root, nil, "xz", "-0", "--check=crc32", path)
		}
		return err
	})
	err = errors.Join(err,
		os.Rename(filepath.Join(root, "boot/vmlinuz-"+row.Release), filepath.Join(root, modules, "vmlinuz")),
		os.Mkdir(filepath.Join(root, "usr/src/kernels"), 0o755),
		os.Symlink("../linux-headers-"+row.Release, filepath.Join(root, "usr/src/kernels", row.Release)))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	buildRPM(t, dir, "kernel-core", part(t, root, modules+"/vmlinuz", modules+"/modules.*"), "")
	buildRPM(t, dir, "kernel-modules-core", part(t, root, modules+"/kernel/net/netfilter", modules+"/kernel/fs/*"), "")
	buildRPM(t, dir, "kernel-modules", part(t, root, modules+"/kernel"), "")
	buildRPM(t, dir, "kernel-devel", part(t, root, "usr"), "")
	key := signRPMs(t, dir, true)
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	runSuite(t, rpmBuilder(t, server.URL, key, ""))
}
