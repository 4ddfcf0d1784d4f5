package images

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/images/internal/bootimage/bootimagetest"
	"github.com/kmodtest/kmodtest/images/internal/files/filestest"
)

const (
	archRelease = "6.18.2-arch1-1"
	archVersion = "6.18.2.arch1-1"
)

// archPackages are the files of a kernel's packages, placed as in Arch Linux.
func archPackages() map[string]map[string]string {
	modules := "usr/lib/modules/" + archRelease
	return map[string]map[string]string{
		"linux": {
			modules + "/vmlinuz":         string(bootimagetest.ImageWith(bootimagetest.Gzip(bootimagetest.Kernel(bootimagetest.PVHNote)))),
			modules + "/modules.builtin": "", modules + "/modules.order": "", modules + "/kernel/first": "of linux",
		},
		"linux-headers": {
			modules + "/build/Makefile": "modules:\n", modules + "/build/vmlinux": "large",
			modules + "/build/include/config/auto.conf": "CONFIG_DEBUG_INFO_BTF_MODULES=y\nCONFIG_A=y\n",
		},
	}
}

// buildArchPackage makes a package of a directory, in dir.
func buildArchPackage(t *testing.T, dir, name, source string) {
	t.Helper()
	filestest.Add(t, source, map[string]string{
		".PKGINFO": fmt.Sprintf("pkgname = %s\npkgver = %s\npkgdesc = a part\nsize = 1\narch = x86_64\n", name, archVersion),
	})
	entries, err := os.ReadDir(source)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--zstd", "--owner=0", "--group=0", "-C", source, "-cf", filepath.Join(dir, name+"-"+archVersion+"-x86_64.pkg.tar.zst")}
	for _, entry := range entries {
		args = append(args, entry.Name())
	}
	runIn(t, dir, nil, "tar", args...)
}

// archRepository makes a repository core of the packages in a directory, all signed, and returns the file with the key.
func archRepository(t *testing.T, dir string) (key string) {
	t.Helper()
	env, key := newKey(t, false)
	packages, err := filepath.Glob(filepath.Join(dir, "*.pkg.tar.zst"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packages {
		runIn(t, dir, env, "gpg", "--batch", "--detach-sign", p)
	}
	runIn(t, dir, nil, "repo-add", append([]string{"--quiet", "core.db.tar.gz"}, packages...)...)
	return key
}

// madeUpArchRepository makes a repository of made-up packages.
func madeUpArchRepository(t *testing.T) (dir, key string) {
	t.Helper()
	dir = t.TempDir()
	for name, files := range archPackages() {
		buildArchPackage(t, dir, name, filestest.Tree(t, files))
	}
	return dir, archRepository(t, dir)
}

func pacmanBuilder(t *testing.T, address, key, packages string) builder {
	t.Helper()
	return newBuilder(t, filestest.Tree(t, map[string]string{
		"go.mod": "module example.com/project\n",
		"kernels.toml": fmt.Sprintf("[[kernel]]\nname = 'made-up'\n[kernel.pacman]\ndatabases = [%q]\nkeyring = %q\npackages = [%s]\n",
			address+"/core.db", key, packages),
	}))
}

func TestKernelOfArchRepository(t *testing.T) {
	dir, key := madeUpArchRepository(t)
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	kernel, err := pacmanBuilder(t, server.URL, key, "").build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if kernel.Release != archRelease || kernel.Version != archVersion {
		t.Errorf("got Linux %s, version %s", kernel.Release, kernel.Version)
	}
	filestest.Want(t, filepath.Join(kernel.Modules, "kernel/first"), "of linux")
	filestest.Want(t, kernel.Boot, string(bootimagetest.Kernel(bootimagetest.PVHNote)))
	filestest.Want(t, filepath.Join(kernel.Build, "Makefile"), "modules:\n")
	filestest.Want(t, filepath.Join(kernel.Build, "include/config/auto.conf"), "CONFIG_A=y\n")
	for _, name := range []string{filepath.Join(kernel.Build, "vmlinux"), filepath.Join(kernel.Modules, "../../../../.PKGINFO")} {
		if _, err := os.Stat(name); !os.IsNotExist(err) {
			t.Errorf("%s is kept: %v", name, err)
		}
	}
}

func TestBadArchRepositoryLeavesNothing(t *testing.T) {
	dir, key := madeUpArchRepository(t)
	_, other := newKey(t, false)
	isPackage := func(path string) bool {
		return strings.Contains(path, "linux-headers-") && strings.HasSuffix(path, ".zst")
	}
	isSignature := func(path string) bool { return strings.HasSuffix(path, ".sig") }
	isList := func(path string) bool { return strings.HasSuffix(path, ".db") }
	// The signature of linux is good, but not for linux-headers, which the list would pass off as linux.
	swapped := t.TempDir()
	if err := os.CopyFS(swapped, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	renamePackage(t, swapped)
	for _, c := range []struct {
		name, dir, key, packages, want string
		spoiling
	}{
		{"another key", dir, other, "", "signed by a key that the row does not name", spoiling{}},
		{"no key", dir, filepath.Join(dir, "core.db.tar.gz"), "", "has no OpenPGP key", spoiling{}},
		{"missing package", dir, key, "'linux-extra'", "have no package linux-extra", spoiling{}},
		{"another package", swapped, key, "", "the repository's list names linux 6.18.2.arch1-1, but the file is linux-headers", spoiling{}},
		{"changed package", dir, key, "", "x86_64.pkg.tar.zst has the SHA-256", spoiling{"", isPackage, flipped}},
		{"cut package", dir, key, "", "x86_64.pkg.tar.zst ended after", spoiling{"", isPackage, half}},
		{"changed signature", dir, key, "", "verify package linux: ", spoiling{"", isSignature, flipped}},
		{"cut signature", dir, key, "", "fetch the signature of package linux: ", spoiling{"", isSignature, half}},
		{"cut list", dir, key, "", "fetch the package list http", spoiling{"", isList, half}},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(http.FileServer(http.Dir(c.dir)))
			defer server.Close()
			address := server.URL
			if c.hits != nil {
				spoiler := httptest.NewServer(mirrorThatSpoils(t, address, c.spoiling))
				defer spoiler.Close()
				address = spoiler.URL
			}
			b := pacmanBuilder(t, address, c.key, c.packages)
			_, err := b.build(t.Context())
			wantError(t, err, "fetch kernel made-up: ", c.want)
			b.wantNothingKept(t)
		})
	}
	unsigned := t.TempDir()
	if err := os.CopyFS(unsigned, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(unsigned, "linux-headers-"+archVersion+"-x86_64.pkg.tar.zst.sig")); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(unsigned)))
	defer server.Close()
	b := pacmanBuilder(t, server.URL, key, "")
	_, err := b.build(t.Context())
	wantError(t, err, "fetch the signature of package linux-headers: ", "404")
	b.wantNothingKept(t)
}

// renamePackage makes a repository's list name the file of linux-headers as that of linux, with the right sum.
func renamePackage(t *testing.T, dir string) {
	t.Helper()
	list := t.TempDir()
	runIn(t, list, nil, "tar", "-xf", filepath.Join(dir, "core.db.tar.gz"))
	headers, err := os.ReadFile(filepath.Join(list, "linux-headers-"+archVersion, "desc"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(headers), "%NAME%\nlinux-headers\n", "%NAME%\nlinux\n", 1)
	filestest.Add(t, list, map[string]string{"linux-" + archVersion + "/desc": text})
	runIn(t, list, nil, "tar", "-czf", filepath.Join(dir, "core.db.tar.gz"), ".")
}

// TestArchLinuxIsForOneArchitecture: RPM repositories have packages for others.
func TestArchLinuxIsForOneArchitecture(t *testing.T) {
	const arm = "[[kernel]]\nname = 'mine'\narch = 'arm64'\n"
	rows, err := parseRows([]byte(arm + "[kernel.rpm]\nbaseurl = ['http://example.com']\ngpgkey = 'k'\n"))
	if err != nil || len(rows) != 1 || rows[0].RPM.Machine != "aarch64" {
		t.Errorf("a row of RPM: %+v, %v", rows, err)
	}
	_, err = parseRows([]byte(arm + "[kernel.pacman]\ndatabases = ['http://example.com/core.db']\nkeyring = 'k'\n"))
	wantError(t, err, "kernel mine is for arm64: packages of Arch Linux are for amd64 only")
}
