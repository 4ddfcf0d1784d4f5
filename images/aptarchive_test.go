package images

import (
	"fmt"
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

// runIn runs a program in a directory.
func runIn(t *testing.T, dir string, env []string, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", cmd, err, stderr.String())
	}
	return out
}

// newKey makes a key that signs without a password, and returns the variable for gpg and a file with the public key.
func newKey(t *testing.T, armor bool) (env []string, public string) {
	t.Helper()
	home, err := os.MkdirTemp("", "gpg") //nolint:usetesting // the path of gpg-agent's socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	env = []string{"GNUPGHOME=" + home}
	runIn(t, home, env, "gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "archive@example.com", "rsa2048", "sign")
	args, suffix := []string{"--batch", "--export"}, ".gpg"
	if armor {
		args, suffix = append(args, "--armor"), ".asc"
	}
	public = filepath.Join(home, "public"+suffix) // apt goes by the suffix
	if err := os.WriteFile(public, runIn(t, home, env, "gpg", args...), 0o644); err != nil {
		t.Fatal(err)
	}
	return env, public
}

// deb is a package for apt.
type deb struct{ depends, files string } // files is a directory

// splitKernel returns the packages of a kernel that are split as Ubuntu's are.
func splitKernel(t *testing.T, release string) map[string]deb {
	t.Helper()
	build := "usr/src/linux-headers-" + release
	modules := "lib/modules/" + release
	return map[string]deb{
		"linux-image-" + release: {"linux-modules-" + release, filestest.Tree(t, map[string]string{
			"boot/vmlinuz-" + release: string(bootimagetest.ImageWith(bootimagetest.Gzip(bootimagetest.Kernel(bootimagetest.PVHNote)))),
		})},
		"linux-modules-" + release: {"", filestest.Tree(t, map[string]string{
			modules + "/modules.builtin": "", modules + "/modules.order": "", modules + "/kernel/first": "of modules",
		})},
		"linux-modules-extra-" + release: {"", filestest.Tree(t, map[string]string{modules + "/kernel/second": "of modules-extra"})},
		"linux-headers-" + release: {"linux-headers-common, make", filestest.Tree(t, map[string]string{
			build + "/Makefile":                 "include /usr/src/linux-headers-common/Makefile\n",
			build + "/include/config/auto.conf": "CONFIG_MODULES=y\n",
		})},
		"linux-headers-common": {"", filestest.Tree(t, map[string]string{"usr/src/linux-headers-common/Makefile": "modules:\n"})},
	}
}

// aptArchive makes a signed archive of packages, and returns its directory and the file with its key.
func aptArchive(t *testing.T, packages map[string]deb) (dir, keyring string) {
	t.Helper()
	env, keyring := newKey(t, false)
	return signedArchive(t, packages, env, ""), keyring
}

// signedArchive makes an archive that is signed with the key of env. fields are more lines of its file Release.
func signedArchive(t *testing.T, packages map[string]deb, env []string, fields string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	binary := filepath.Join(dir, "dists/made/stable/binary-amd64")
	for _, d := range []string{binary, filepath.Join(dir, "pool")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, p := range packages {
		control := fmt.Sprintf("Package: %s\nVersion: 6.8.0-31.31\nArchitecture: amd64\nMaintainer: nobody <nobody@example.com>\n"+
			"Depends: %s\nDescription: a part of a kernel\n", name, p.depends)
		if p.depends == "" {
			control = strings.Replace(control, "Depends: \n", "", 1)
		}
		filestest.Add(t, p.files, map[string]string{"DEBIAN/control": control})
		runIn(t, dir, nil, "dpkg-deb", "--build", "--root-owner-group", "-Zgzip", p.files, "pool/"+name+"_6.8.0-31.31_amd64.deb")
	}
	list := runIn(t, dir, nil, "apt-ftparchive", "packages", "pool")
	if err := os.WriteFile(filepath.Join(binary, "Packages"), list, 0o644); err != nil {
		t.Fatal(err)
	}
	suite := filepath.Join(dir, "dists/made")
	text := runIn(t, suite, nil, "apt-ftparchive", "release", "-o", "APT::FTPArchive::Release::Suite=made", "-o", "APT::FTPArchive::Release::Codename=made",
		"-o", "APT::FTPArchive::Release::Components=stable", "-o", "APT::FTPArchive::Release::Architectures=amd64", ".")
	if err := os.WriteFile(filepath.Join(suite, "Release"), append([]byte(fields), text...), 0o644); err != nil {
		t.Fatal(err)
	}
	runIn(t, suite, env, "gpg", "--batch", "--clearsign", "-o", "InRelease", "Release")
	return dir
}

const splitRelease = "6.8.0-31-generic"

// builderFor returns a builder whose row has the packages of an archive.
func builderFor(t *testing.T, mirror, keyring, packages string) builder {
	t.Helper()
	return newBuilder(t, filestest.Tree(t, map[string]string{
		"go.mod": "module example.com/project\n", "kernels.toml": fmt.Sprintf("[[kernel]]\nname = 'made-up'\n[kernel.apt]\nmirror = %q\n"+
			"suite = 'made'\ncomponent = 'stable'\nkeyring = %q\nimage = 'linux-image-*'\npackages = [%s]\n", mirror, keyring, packages),
	}))
}

func TestKernelOfAnyArchive(t *testing.T) {
	dir, keyring := aptArchive(t, splitKernel(t, splitRelease))
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	kernel, err := builderFor(t, server.URL, keyring, "'linux-modules-extra-RELEASE'").build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if kernel.Release != splitRelease || kernel.Version != "6.8.0-31.31" {
		t.Errorf("got Linux %s, version %s", kernel.Release, kernel.Version)
	}
	filestest.Want(t, filepath.Join(kernel.Modules, "kernel/first"), "of modules")
	filestest.Want(t, filepath.Join(kernel.Modules, "kernel/second"), "of modules-extra")
	filestest.Want(t, kernel.Boot, string(bootimagetest.Kernel(bootimagetest.PVHNote)))
	runIn(t, kernel.Build, nil, "make", "-n", "modules")
}

func TestBadArchiveLeavesNothing(t *testing.T) {
	dir, keyring := aptArchive(t, splitKernel(t, splitRelease))
	_, other := newKey(t, false)
	const both = "'linux-modules-RELEASE', 'linux-modules-extra-RELEASE'"
	for _, c := range []struct {
		name, keyring, packages, want string
		spoiling
	}{
		{"another key", other, both, "is not signed", spoiling{}},
		{"no key", filepath.Join(dir, "missing.gpg"), both, "find the keys of the archive", spoiling{}},
		{"missing package", keyring, "'linux-firmware-RELEASE'", "matches linux-firmware-" + splitRelease, spoiling{}},
		{"changed package", keyring, both, "fetch packages of made", spoiling{"", isPackage, changed}},
		{"cut package", keyring, both, "fetch packages of made", spoiling{"", isPackage, half}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // apt waits before it tries again
			server := httptest.NewServer(http.FileServer(http.Dir(dir)))
			t.Cleanup(server.Close)
			if c.hits != nil {
				spoiler := httptest.NewServer(mirrorThatSpoils(t, server.URL, c.spoiling))
				t.Cleanup(spoiler.Close)
				server = spoiler
			}
			b := builderFor(t, server.URL, c.keyring, c.packages)
			_, err := b.build(t.Context())
			wantError(t, err, c.want)
			b.wantNothingKept(t)
		})
	}
}
