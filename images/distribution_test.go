//go:build machines

package images

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/images/internal/files"
	"github.com/kmodtest/kmodtest/images/internal/files/filestest"
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
	runSuite(t, builderFor(t, server.URL, keyring, "'linux-modules-extra-RELEASE'"))
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

// joinHeaders copies Debian's three directories with headers into one, as other distributions have it.
func joinHeaders(t *testing.T, root, release, build string) {
	t.Helper()
	kbuild, err := filepath.EvalSymlinks(filepath.Join(root, "usr/src/linux-headers-"+release, "scripts"))
	if err != nil {
		t.Fatal(err)
	}
	common := strings.TrimSuffix(release, "-cloud-amd64") + "-common"
	for _, from := range []string{"linux-headers-" + common, "linux-headers-" + release} {
		runIn(t, root, nil, "cp", "-a", "--remove-destination", filepath.Join(root, "usr/src", from)+"/.", build)
	}
	for _, name := range []string{"scripts", "tools"} {
		err := os.Remove(filepath.Join(build, name))
		if err == nil {
			err = os.CopyFS(filepath.Join(build, name), os.DirFS(filepath.Join(filepath.Dir(kbuild), name)))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := files.Copy(filepath.Join(root, "usr/src/linux-headers-"+common, "Makefile"), filepath.Join(build, "Makefile")); err != nil {
		t.Fatal(err)
	}
}

// TestSuitePassesOnKernelOfPacman has a signed repository with packages as Arch Linux's: the kernel is beside its modules,
// which zstd has compressed, and the headers are in the same directory.
func TestSuitePassesOnKernelOfPacman(t *testing.T) {
	row, err := Resolve(t.Context(), "6.1", Options{})
	if err != nil {
		t.Fatal(err)
	}
	from, root := copyAsUnpacked(t, row), t.TempDir()
	modules := "usr/lib/modules/" + row.Release
	err = errors.Join(
		files.Move(filepath.Join(from, "lib/modules", row.Release), filepath.Join(root, modules)),
		os.Rename(filepath.Join(from, "boot/vmlinuz-"+row.Release), filepath.Join(root, modules, "vmlinuz")),
		os.Remove(filepath.Join(root, modules, "build")), os.Mkdir(filepath.Join(root, modules, "build"), 0o755))
	if err != nil {
		t.Fatal(err)
	}
	joinHeaders(t, from, row.Release, filepath.Join(root, modules, "build"))
	err = filepath.WalkDir(filepath.Join(root, modules, "kernel"), func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".ko") {
			runIn(t, root, nil, "zstd", "-q", "-1", "--rm", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	buildArchPackage(t, dir, "linux-headers", part(t, root, modules+"/build"))
	buildArchPackage(t, dir, "linux", part(t, root, "usr"))
	key := archRepository(t, dir)
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	runSuite(t, pacmanBuilder(t, server.URL, key, ""))
}

// TestSuitePassesOnPushedKernel pushes Debian's kernel to a registry, and fetches it into another cache.
func TestSuitePassesOnPushedKernel(t *testing.T) {
	address, err := Push(t.Context(), "6.1", "oci://"+newRegistry(t)+"/kernels:6.1", false, Options{})
	if err != nil {
		t.Fatal(err)
	}
	runSuite(t, ociBuilder(t, address, ""))
}

const releaseTest = `package release

import (
	"os"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness"
)

func TestMain(m *testing.M) { harness.Main(m, harness.Config{}) }

func TestOld(t *testing.T) {
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err != nil || !strings.HasPrefix(string(release), "5.") && !strings.HasPrefix(string(release), "6.1.") {
		t.Errorf("this is Linux %s, %v", release, err)
	}
}
`

// TestBisectionFindsPackage has an archive at five dates, with another version of a kernel's package at each. A test fails
// from the fourth on.
func TestBisectionFindsPackage(t *testing.T) {
	env, keyring := newKey(t, false)
	archives := http.NewServeMux()
	server := httptest.NewServer(archives)
	defer server.Close()
	var dates []string
	for i, name := range []string{"5.10", "6.1", "6.1-rt", "6.12", "6.12-rt"} {
		row, err := Resolve(t.Context(), name, Options{})
		if err != nil {
			t.Fatal(err)
		}
		date := fmt.Sprintf("2026010%dT000000Z", i+1)
		root := copyAsUnpacked(t, row)
		dir := signedArchive(t, map[string]deb{
			"linux-image-" + row.Release:   {"linux-modules-" + row.Release, part(t, root, "boot/vmlinuz-*")},
			"linux-modules-" + row.Release: {"", part(t, root, "lib/modules/"+row.Release+"/kernel", "lib/modules/"+row.Release+"/modules.*")},
			"linux-headers-" + row.Release: {"make", filestest.Tree(t, map[string]string{ // no module is built
				"usr/src/linux-headers-" + row.Release + "/Makefile":                 "modules:\n",
				"usr/src/linux-headers-" + row.Release + "/include/config/auto.conf": "CONFIG_MODULES=y\n",
			})},
		}, env, "")
		archives.Handle("/"+date+"/", http.StripPrefix("/"+date, http.FileServer(http.Dir(dir))))
		dates = append(dates, "'"+date+"'")
	}
	project, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(project, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile(filepath.Join(project, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	_, requirements, _ := strings.Cut(string(mod), "\n")
	dir := filestest.Tree(t, map[string]string{
		"go.mod": "module example.org/release\n" + requirements + "\nrequire github.com/kmodtest/kmodtest v0.0.0\n\n" +
			"replace github.com/kmodtest/kmodtest => " + project + "\n",
		"go.sum": string(sum), "release_test.go": releaseTest,
		"kernels.toml": fmt.Sprintf("[[kernel]]\nname = 'made'\nsnapshots = [%s]\n[kernel.apt]\nmirror = '%s/DATE'\n"+
			"suite = 'made'\ncomponent = 'stable'\nkeyring = %q\nimage = 'linux-image-*'\n", strings.Join(dates, ", "), server.URL, keyring),
	})
	command := filepath.Join(t.TempDir(), "kmodtest")
	runIn(t, project, nil, "go", "build", "-o", command, "./harness/cmd/kmodtest")
	said := string(runIn(t, dir, []string{"XDG_CACHE_HOME=" + t.TempDir()}, command, "bisect", "--kernels", "made-*", "TestOld"))
	if !strings.Contains(said, "first bad: made-20260104T000000Z (6.12.") {
		t.Errorf("the search says:\n%s", said)
	}
	t.Log(said)
}

// TestImageWithoutBuildDirectoryBoots has an image as other projects publish them: Debian's kernel and its modules.
func TestImageWithoutBuildDirectoryBoots(t *testing.T) {
	row, err := Resolve(t.Context(), "6.1", Options{})
	if err != nil {
		t.Fatal(err)
	}
	content := map[string]string{}
	entry := strings.TrimSuffix(row.Image, "/boot/vmlinuz-"+row.Release)
	err = fs.WalkDir(os.DirFS(entry), "lib/modules", func(path string, file fs.DirEntry, err error) error {
		if err != nil || !file.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(entry, path))
		content[path] = string(text)
		return err
	})
	image, imageErr := os.ReadFile(row.Image)
	if err = errors.Join(err, imageErr); err != nil {
		t.Fatal(err)
	}
	content["boot/vmlinuz"] = string(image)
	dir := ociBuilder(t, imageOf(t, newRegistry(t), content), "").opt.Dir
	command := filepath.Join(t.TempDir(), "kmodtest")
	runIn(t, "..", nil, "go", "build", "-o", command, "./harness/cmd/kmodtest")
	env := []string{"KMODTEST_KERNEL=made-up", "XDG_CACHE_HOME=" + t.TempDir()}
	if said := string(runIn(t, dir, env, command, "run", "--", "uname", "-r")); said != row.Release+"\n" {
		t.Errorf("the guest printed %q, want %s", said, row.Release)
	}
}
