package images

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/kmodtest/kmodtest/images/internal/bootimage/bootimagetest"
	"github.com/kmodtest/kmodtest/images/internal/files/filestest"
)

// userFiles makes a directory with files of the user.
func userFiles(t *testing.T) string {
	t.Helper()
	return filestest.Tree(t, map[string]string{
		"share/photo": "a photo", "config-mine": "a configuration", "vmlinux": "a kernel", "vmlinuz": string(bootimagetest.Image("6.1.9-test")),
		"Makefile": "KBUILD_OUTPUT = /usr/src/mine\n", "include/config/auto.conf": "CONFIG_DEBUG_INFO_BTF_MODULES=y\n",
		"package.tar.sig": "a signature", "file": "a file",
	})
}

// contents returns the names and contents of all files in a directory.
func contents(t *testing.T, dir string) string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		all[name] = string(text)
		return err
	})
	text, jsonErr := json.Marshal(all) // in the order of the names
	if err != nil || jsonErr != nil {
		t.Fatal(err, jsonErr)
	}
	return string(text)
}

// member is a file of an image, or a link.
type member struct {
	name, link, content string
	size                int64 // if it is not that of content
}

// hostileImage pushes an image with one layer. part is its annotation, or "".
func hostileImage(t *testing.T, host, part string, members ...member) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		header := &tar.Header{Name: m.name, Typeflag: tar.TypeReg, Mode: 0o755, Size: max(m.size, int64(len(m.content)))}
		if m.link != "" {
			header.Typeflag, header.Linkname = tar.TypeSymlink, m.link
		}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, m.content); err != nil {
			t.Fatal(err)
		}
	}
	_ = w.Close() // it fails if a file has not the size that it says
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	added := mutate.Addendum{Layer: layer}
	if part != "" {
		added.Annotations = map[string]string{"io.github.kmodtest.part": part}
	}
	image, err := mutate.Append(empty.Image, added)
	if err == nil {
		err = crane.Push(image, host+"/hostile:1")
	}
	if err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return "oci://" + host + "/hostile@" + digest.String()
}

// TestImageChangesNoOtherFiles has images with links to the user's files where files of a kernel are removed, moved,
// rewritten or made.
func TestImageChangesNoOtherFiles(t *testing.T) {
	host := newRegistry(t)
	kernel := string(bootimagetest.ImageWith(bootimagetest.Gzip(bootimagetest.Kernel(bootimagetest.PVHNote))))
	image := member{name: "boot/vmlinuz-6.1.9-test", content: kernel}
	up := strings.Repeat("../", 20)
	for what, c := range map[string]struct {
		part    string
		members func(user string) []member
	}{
		"directories of a pushed kernel": {"kernel", func(user string) []member { return []member{image, {name: "usr", link: user}} }},
		"headers": {"", func(user string) []member {
			return []member{image, {name: "usr/src/linux-headers-6.1.9-test", link: user}}
		}},
		"the kernels":          {"", func(user string) []member { return []member{{name: "boot", link: user}} }},
		"the record":           {"kernel", func(user string) []member { return []member{image, {name: "kernel.json", link: user + "/none"}} }},
		"the lists of modules": {"", func(user string) []member { return []member{image, {name: "lib/modules/6.1.9-test", link: user}} }},
		"a release with names in it": {"", func(user string) []member {
			return []member{{name: "boot/vmlinuz", content: string(bootimagetest.Image("/" + up + user[1:] + "/file"))}}
		}},
	} {
		t.Run(what, func(t *testing.T) {
			user := userFiles(t)
			before := contents(t, user)
			b := ociBuilder(t, hostileImage(t, host, c.part, c.members(user)...), "")
			got, err := b.build(t.Context())
			if err != nil {
				b.wantNothingKept(t)
			} else if got.Build != "" {
				t.Errorf("it has the build directory %s", got.Build)
			}
			if after := contents(t, user); after != before {
				t.Errorf("the user's files are now %s", after)
			}
		})
	}
}

// TestFetchOfDevicesEnds has links to a file without end where depmod reads.
func TestFetchOfDevicesEnds(t *testing.T) {
	host := newRegistry(t)
	const modules = "lib/modules/6.1.9-test/"
	for _, name := range []string{"modules.order", "modules.builtin", "modules.builtin.modinfo", "kernel/first.ko"} {
		address := hostileImage(t, host, "", member{name: "boot/vmlinuz", content: string(bootimagetest.Image("6.1.9-test"))},
			member{name: modules + "kernel/file"}, member{name: modules + name, link: "/dev/zero"})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		kernel, err := ociBuilder(t, address, "").build(ctx)
		cancel()
		if err != nil || kernel.Modules == "" {
			t.Errorf("%s: got %+v, %v", name, kernel, err)
		}
	}
}

func TestImageBeyondLimitsLeavesNothing(t *testing.T) {
	host := newRegistry(t)
	kernel := member{name: "boot/vmlinuz", content: string(bootimagetest.Image("6.1.9-test"))}
	for what, c := range map[string]struct {
		member
		want string
	}{
		"a large file":                  {member{name: "boot/large", size: 9 << 30}, "its file boot/large has more than 8 GiB"},
		"a large file that is left out": {member{name: "opt/large", size: 9 << 30}, "its file opt/large has more than 8 GiB"},
		"deep directories":              {member{name: strings.Repeat("d/", 200) + "file"}, "it has a file below more than 100 directories"},
	} {
		t.Run(what, func(t *testing.T) {
			address := hostileImage(t, host, "", kernel, c.member)
			b := ociBuilder(t, address, "")
			_, err := b.build(t.Context())
			wantError(t, err, "fetch image "+address+": layer 1 of 1: ", c.want)
			b.wantNothingKept(t)
		})
	}
}

// TestPackageFollowsNoLinkOfAnother has a package for apt with a link, and one with a file below it and no directories.
func TestPackageFollowsNoLinkOfAnother(t *testing.T) {
	user, dir, to := userFiles(t), t.TempDir(), t.TempDir()
	before := contents(t, user)
	const control = "Package: made\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.com>\nDescription: a part\n"
	first := filestest.Tree(t, map[string]string{"opt/mine": "-> " + user, "DEBIAN/control": control})
	second := filestest.Tree(t, map[string]string{"opt/mine/file": "of a package", "DEBIAN/control": control})
	runIn(t, dir, nil, "dpkg-deb", "--build", "-Znone", first, "first.deb")
	runIn(t, dir, nil, "dpkg-deb", "--build", "-Znone", second, "second.deb")
	runIn(t, dir, nil, "tar", "-C", second, "-cf", "data.tar", "./opt/mine/file")
	runIn(t, dir, nil, "ar", "r", "second.deb", "data.tar")
	err := unpackDebs(t.Context(), []string{filepath.Join(dir, "first.deb"), filepath.Join(dir, "second.deb")}, to, func(float64) {})
	wantError(t, err, "unpack package second.deb: ", "path escapes")
	if after := contents(t, user); after != before {
		t.Errorf("the user's files are now %s", after)
	}
}

// TestPackagesAreFetchedBesideTheirFiles has a package for pacman with a link where the next one could be fetched to.
func TestPackagesAreFetchedBesideTheirFiles(t *testing.T) {
	user := userFiles(t)
	before := contents(t, user)
	dir := t.TempDir()
	for name, files := range archPackages() {
		files["package.tar.sig"] = "-> " + user + "/package.tar.sig"
		buildArchPackage(t, dir, name, filestest.Tree(t, files))
	}
	key := archRepository(t, dir)
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	if _, err := pacmanBuilder(t, server.URL, key, "").build(t.Context()); err != nil {
		t.Error(err)
	}
	if after := contents(t, user); after != before {
		t.Errorf("the user's files are now %s", after)
	}
}
