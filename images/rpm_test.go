package images

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/images/internal/bootimage/bootimagetest"
	"github.com/kmodtest/kmodtest/images/internal/files/filestest"
)

const elRelease = "5.14.0-503.el9.x86_64"

// elPackages are the files of a kernel's packages, split and placed as in RHEL 9 and its relatives.
func elPackages() map[string]map[string]string {
	modules, build := "lib/modules/"+elRelease, "usr/src/kernels/"+elRelease
	return map[string]map[string]string{
		"kernel-core": {
			modules + "/vmlinuz":         string(bootimagetest.ImageWith(bootimagetest.Gzip(bootimagetest.Kernel(bootimagetest.PVHNote)))),
			modules + "/modules.builtin": "", modules + "/modules.order": "",
		},
		"kernel-modules-core": {modules + "/kernel/first": "of modules-core"},
		"kernel-modules":      {modules + "/kernel/second": "of modules"},
		"kernel-devel":        {build + "/Makefile": "modules:\n", build + "/include/config/auto.conf": "CONFIG_DEBUG_INFO_BTF_MODULES=y\nCONFIG_A=y\n"},
	}
}

// buildRPM makes a package of a directory, and of what the commands install, in dir.
func buildRPM(t *testing.T, dir, name, source, install string) {
	t.Helper()
	var list strings.Builder
	err := fs.WalkDir(os.DirFS(source), ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			fmt.Fprintf(&list, "%q\n", "/"+path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	spec := filepath.Join(t.TempDir(), name+".spec")
	text := fmt.Sprintf("Name: %s\nVersion: 5.14.0\nRelease: 503.el9\nSummary: a part\nLicense: none\nBuildArch: x86_64\nAutoReqProv: no\n"+
		"%%description\na part\n%%install\nmkdir -p %%{buildroot}\ncp -a %s/. %%{buildroot}\n%s\n%%files\n%s", name, source, install, list.String())
	if install != "" {
		text += "/usr/link\n/usr/second\n"
	}
	if err := os.WriteFile(spec, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	runIn(t, dir, nil, "rpmbuild", "--quiet", "-bb", "--target", "x86_64-linux", "--define", "_topdir "+t.TempDir(), "--define", "_rpmdir "+dir,
		"--define", "_rpmfilename %{NAME}.rpm", "--define", "_dbpath "+t.TempDir(), "--define", "__os_install_post %{nil}", spec)
}

// rpmRepository makes a repository of made-up packages, and returns its directory and the file with the key.
func rpmRepository(t *testing.T, signed bool) (dir, key string) {
	t.Helper()
	dir = t.TempDir()
	for name, files := range elPackages() {
		install := ""
		if name == "kernel-devel" {
			install = "ln -s /usr/src/kernels/" + elRelease + " %{buildroot}/usr/link\n" +
				"ln %{buildroot}/usr/src/kernels/" + elRelease + "/Makefile %{buildroot}/usr/second"
		}
		buildRPM(t, dir, name, filestest.Tree(t, files), install)
	}
	return dir, signRPMs(t, dir, signed)
}

// signRPMs makes a repository of the packages in a directory, and returns the file with the key.
func signRPMs(t *testing.T, dir string, signed bool) (key string) {
	t.Helper()
	env, key := newKey(t, true)
	if signed {
		packages, err := filepath.Glob(filepath.Join(dir, "*.rpm"))
		if err != nil {
			t.Fatal(err)
		}
		gpg, err := exec.LookPath("gpg") // Debian's rpm looks for gpg2
		if err != nil {
			t.Fatal(err)
		}
		runIn(t, dir, env, "rpmsign", append([]string{"--define", "_gpg_name archive@example.com", "--define", "__gpg " + gpg, "--addsign"}, packages...)...)
	}
	runIn(t, dir, nil, "createrepo_c", "--quiet", ".")
	return key
}

func rpmBuilder(t *testing.T, address, key, packages string) builder {
	t.Helper()
	return newBuilder(t, filestest.Tree(t, map[string]string{
		"go.mod":       "module example.com/project\n",
		"kernels.toml": fmt.Sprintf("[[kernel]]\nname = 'made-up'\n[kernel.rpm]\nbaseurl = [%q]\ngpgkey = %q\npackages = [%s]\n", address, key, packages),
	}))
}

// flipped sends the body with another bit in its middle: the last byte of a package may be 0.
func flipped(w io.Writer, body io.Reader, _ int64) {
	text, _ := io.ReadAll(body)
	text[len(text)/2] ^= 1
	_, _ = w.Write(text)
}

func TestKernelOfRPMRepository(t *testing.T) {
	dir, key := rpmRepository(t, true)
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	kernel, err := rpmBuilder(t, server.URL, key, "").build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if kernel.Release != elRelease || kernel.Version != "5.14.0-503.el9" {
		t.Errorf("got Linux %s, version %s", kernel.Release, kernel.Version)
	}
	filestest.Want(t, filepath.Join(kernel.Modules, "kernel/first"), "of modules-core")
	filestest.Want(t, filepath.Join(kernel.Modules, "kernel/second"), "of modules")
	filestest.Want(t, kernel.Boot, string(bootimagetest.Kernel(bootimagetest.PVHNote)))
	filestest.Want(t, filepath.Join(kernel.Build, "include/config/auto.conf"), "CONFIG_A=y\n")
	usr := filepath.Join(kernel.Build, "../../..")
	filestest.Want(t, filepath.Join(usr, "link/Makefile"), "modules:\n")
	filestest.Want(t, filepath.Join(usr, "second"), "modules:\n")
}

func TestBadRPMRepositoryLeavesNothing(t *testing.T) {
	dir, key := rpmRepository(t, true)
	unsigned, _ := rpmRepository(t, false)
	_, other := newKey(t, true)
	isRPM := func(path string) bool { return strings.HasSuffix(path, "kernel-devel.rpm") }
	isPrimary := func(path string) bool { return strings.Contains(path, "primary") }
	for _, c := range []struct {
		name, dir, key, packages, want string
		spoiling
	}{
		{"another key", dir, other, "", "signed by a key that the row does not name", spoiling{}},
		{"no signature", unsigned, key, "", "it is not signed", spoiling{}},
		{"no key", dir, filepath.Join(dir, "repodata/repomd.xml"), "", "has no OpenPGP key", spoiling{}},
		{"missing package", dir, key, "'kernel-devel', 'kernel-extra'", "have no package kernel-extra", spoiling{}},
		{"changed package", dir, key, "", "kernel-devel.rpm has the SHA-256", spoiling{"", isRPM, flipped}},
		{"cut package", dir, key, "", "kernel-devel.rpm ended after", spoiling{"", isRPM, half}},
		{"cut list", dir, key, "", "fetch the package list of http", spoiling{"", isPrimary, half}},
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
			b := rpmBuilder(t, address, c.key, c.packages)
			_, err := b.build(t.Context())
			wantError(t, err, "fetch kernel made-up: ", c.want)
			b.wantNothingKept(t)
		})
	}
}
