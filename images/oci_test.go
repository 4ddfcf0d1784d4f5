package images

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/kmodtest/kmodtest/images/internal/bootimage/bootimagetest"
	"github.com/kmodtest/kmodtest/images/internal/files/filestest"
	"github.com/kmodtest/kmodtest/images/internal/oci"
)

// newRegistry starts a registry in this process, and returns its host and port.
func newRegistry(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func ociBuilder(t *testing.T, address, more string) builder {
	t.Helper()
	return newBuilder(t, filestest.Tree(t, map[string]string{
		"go.mod": "module example.com/project\n", "kernels.toml": fmt.Sprintf("[[kernel]]\nname = 'made-up'\n[kernel.oci]\nimage = %q\n%s", address, more),
	}))
}

// pushed builds a made-up kernel and pushes it. It returns the kernel, its builder and the address.
func pushed(t *testing.T, host string) (*Kernel, builder, string) {
	t.Helper()
	tree := madeUpKernel()
	tree["Makefile"] = strings.Replace(tree["Makefile"], "echo tool > scripts/mod/modpost", "echo '#!/bin/sh' > scripts/mod/modpost; chmod +x scripts/mod/modpost", 1)
	b := newBuilder(t, project(t, "path = 'src'\n", tree))
	kernel, err := b.build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	address, err := Push(t.Context(), "made-up", "oci://"+host+"/team/kernels:made-up", false, b.opt)
	if err != nil {
		t.Fatal(err)
	}
	return kernel, b, address
}

func TestPushedKernelIsFetched(t *testing.T) {
	host := newRegistry(t)
	built, from, address := pushed(t, host)
	if !strings.HasPrefix(address, "oci://"+host+"/team/kernels@sha256:") {
		t.Fatalf("it was pushed to %s", address)
	}
	b := ociBuilder(t, address, "")
	kernel, err := b.build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if kernel.Release != built.Release || kernel.Key != built.Key {
		t.Errorf("got Linux %s with key %s, pushed %s with key %s", kernel.Release, kernel.Key, built.Release, built.Key)
	}
	want, err := os.ReadFile(built.Boot)
	if err != nil {
		t.Fatal(err)
	}
	filestest.Want(t, kernel.Boot, string(want))
	filestest.Want(t, filepath.Join(kernel.Build, "Module.symvers"), "symbols\n")
	filestest.Want(t, filepath.Join(kernel.Modules, "build/scripts/mod/modpost"), "#!/bin/sh\n")
	if again, err := b.build(t.Context()); err != nil || again.Boot != kernel.Boot {
		t.Errorf("the second time: %v, %v", again, err)
	}
	if second, err := Push(t.Context(), "made-up", "oci://"+host+"/team/kernels:again", false, from.opt); second != address {
		t.Errorf("the same kernel was pushed to %s and to %s: %v", address, second, err)
	}
}

// TestPushedBuildRootIsUsedWhereToolsDoNotFit has a kernel that a compiler has built that no system has.
func TestPushedBuildRootIsUsedWhereToolsDoNotFit(t *testing.T) {
	host := newRegistry(t)
	_, from, _ := pushed(t, host)
	entries, err := filepath.Glob(filepath.Join(from.opt.Cache, "kernels/made-up-*[0-9a-f]"))
	if err != nil || len(entries) != 1 {
		t.Fatalf("the cache has %q: %v", entries, err)
	}
	record, err := os.ReadFile(filepath.Join(entries[0], recordFile))
	if err != nil {
		t.Fatal(err)
	}
	image := oci.Image{Arch: "amd64", Kernel: entries[0], Replace: map[string][]byte{
		recordFile:      []byte(strings.Replace(string(record), "{", `{"arch": "amd64",`, 1)),
		"build/.config": []byte("CONFIG_CC_VERSION_TEXT=\"gcc (made up) 99.1.0\"\n"),
	}}
	address, err := image.Push(t.Context(), "oci://"+host+"/kernels:1", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	_, err = ociBuilder(t, address, "").build(t.Context())
	wantError(t, err, "fetch the build root of kernel made-up: ", "has no build root: ")

	image.Root = filestest.Tree(t, map[string]string{"usr/bin/make": "a program"})
	if address, err = image.Push(t.Context(), "oci://"+host+"/kernels:2", t.TempDir()); err != nil {
		t.Fatal(err)
	}
	kernel, err := ociBuilder(t, address, "").build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	filestest.Want(t, filepath.Join(kernel.Root.Dir, "usr/bin/make"), "a program")
	if _, err := os.Stat(filepath.Join(kernel.Build, "../build-root")); !os.IsNotExist(err) {
		t.Errorf("the build root is unpacked with the kernel, too: %v", err)
	}
}

// TestPushedKernelHidesPaths: what a registry gets has no path of the system that pushed it.
func TestPushedKernelHidesPaths(t *testing.T) {
	host := newRegistry(t)
	_, from, address := pushed(t, host)
	kernel, err := ociBuilder(t, address, "").build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	image, err := crane.Pull(strings.TrimPrefix(address, "oci://"))
	if err != nil {
		t.Fatal(err)
	}
	content := mutate.Extract(image)
	defer content.Close()
	all, err := io.ReadAll(content)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(all), from.opt.Dir) || !strings.Contains(string(all), kernel.Release) {
		t.Error("the image has the path of the project that pushed it, or lacks the kernel's record")
	}
}

// imageOf pushes an image of files, in one layer for each map, and returns its address.
func imageOf(t *testing.T, host string, layers ...map[string]string) string {
	t.Helper()
	var image v1.Image
	for i, files := range layers {
		content := map[string][]byte{}
		for name, text := range files {
			content[name] = []byte(text)
		}
		layer, err := crane.Layer(content)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			image, err = crane.Image(nil)
		}
		if err == nil {
			image, err = mutate.AppendLayers(image, layer)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := crane.Push(image, host+"/ci-kernels:1"); err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return "oci://" + host + "/ci-kernels@" + digest.String()
}

const imageRelease = "6.1.9-test" // as in the header of the image

// kernelImage returns the files of an image with a kernel at boot/vmlinuz and modules, in a directory.
func kernelImage(t *testing.T, dir string) map[string]string {
	t.Helper()
	modules := dir + "lib/modules/" + imageRelease
	return map[string]string{
		dir + "boot/vmlinuz":                string(bootimagetest.ImageWith(bootimagetest.Gzip(bootimagetest.Kernel(bootimagetest.PVHNote)))),
		modules + "/modules.builtin":        "",
		modules + "/modules.order":          "",
		modules + "/kernel/first":           "of the image",
		dir + "usr/share/doc/copyright":     "nobody reads it",
		dir + "lib/firmware/large.bin":      "not a module",
		"etc/os-release":                    "of the image",
		dir + "boot/config-" + imageRelease: "CONFIG_MODULES=y\n",
	}
}

// TestImageWithoutBuildDirectoryIsAKernel has an image as other projects publish them: a kernel and its modules.
func TestImageWithoutBuildDirectoryIsAKernel(t *testing.T) {
	host := newRegistry(t)
	for _, dir := range []string{"", "data/kernels/6.8/"} {
		all := kernelImage(t, dir)
		removed := map[string]string{dir + "lib/modules/" + imageRelease + "/kernel/.wh.second": ""}
		all[dir+"lib/modules/"+imageRelease+"/kernel/second"] = "removed by the second layer"
		address := imageOf(t, host, all, removed)
		kernel, err := ociBuilder(t, address, fmt.Sprintf("directory = %q\n", dir)).build(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if kernel.Release != imageRelease || kernel.Build != "" {
			t.Errorf("got Linux %q, with the build directory %q", kernel.Release, kernel.Build)
		}
		filestest.Want(t, kernel.Boot, string(bootimagetest.Kernel(bootimagetest.PVHNote)))
		filestest.Want(t, filepath.Join(kernel.Modules, "kernel/first"), "of the image")
		entry := strings.TrimSuffix(kernel.Image, "/boot/vmlinuz-"+kernel.Release)
		for _, name := range []string{"etc", "data", "lib/firmware", "lib/modules/" + imageRelease + "/kernel/second"} {
			if _, err := os.Lstat(filepath.Join(entry, name)); !os.IsNotExist(err) {
				t.Errorf("%s is kept: %v", name, err)
			}
		}
	}
}

func TestImageWithoutModulesIsAKernel(t *testing.T) {
	files := map[string]string{"boot/vmlinuz": kernelImage(t, "")["boot/vmlinuz"]}
	kernel, err := ociBuilder(t, imageOf(t, newRegistry(t), files), "").build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if kernel.Release != imageRelease || kernel.Modules != "" || kernel.Build != "" {
		t.Errorf("got %+v", kernel)
	}
}

// badRecord pushes a kernel with a record that names files elsewhere.
func badRecord(t *testing.T, host, record string) string {
	t.Helper()
	files := filestest.Tree(t, map[string]string{recordFile: record, "file": ""})
	address, err := oci.Image{Arch: "amd64", Kernel: files}.Push(t.Context(), "oci://"+host+"/bad:1", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func TestBadImageLeavesNothing(t *testing.T) {
	host := newRegistry(t)
	_, _, good := pushed(t, host)
	isLayer := func(path string) bool { return strings.Contains(path, "/blobs/") }
	isManifest := func(path string) bool { return strings.Contains(path, "/manifests/") }
	two := kernelImage(t, "")
	two["boot/vmlinuz-other"] = "another"
	missing := good[:len(good)-4] + "0000"
	for _, c := range []struct {
		name, address, want string
		spoiling
	}{
		{"missing image", missing, "find image " + missing, spoiling{}},
		{"no kernel", imageOf(t, host, map[string]string{"bin/sh": "x"}), "it has no kernel: there is no file boot/vmlinuz* in /", spoiling{}},
		{"two kernels", imageOf(t, host, two), "it has 2 kernels in /", spoiling{}},
		{"incomplete record", badRecord(t, host, `{"release": "6.8", "arch": "amd64", "image": "../../x"}`), `kernel.json names the file "../../x"`, spoiling{}},
		{"release that is a path", badRecord(t, host, `{"release": "../6.8", "arch": "amd64", "image": "file"}`), `has the release "../6.8"`, spoiling{}},
		{"changed layer", good, "error verifying sha256 checksum", spoiling{"", isLayer, flipped}},
		{"cut layer", good, "try again", spoiling{"", isLayer, half}},
		{"changed manifest", good, "manifest digest", spoiling{"", isManifest, flipped}},
		{"cut manifest", good, "find image ", spoiling{"", isManifest, half}},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := c.address
			if c.hits != nil {
				spoiler := httptest.NewServer(mirrorThatSpoils(t, "http://"+host, c.spoiling))
				defer spoiler.Close()
				address = strings.Replace(address, host, strings.TrimPrefix(spoiler.URL, "http://"), 1)
			}
			b := ociBuilder(t, address, "")
			_, err := b.build(t.Context())
			wantError(t, err, "fetch kernel made-up: ", c.want)
			b.wantNothingKept(t)
		})
	}
}

func TestAddressOfImageMustHaveDigest(t *testing.T) {
	for address, want := range map[string]string{
		"oci://registry.example.com/kernels:6.1": "does not name an image by its digest",
		"registry.example.com/kernels@sha256:12": "does not begin with oci://",
		"":                                       "[kernel.oci] requires image",
	} {
		_, err := ociBuilder(t, address, "").build(t.Context())
		wantError(t, err, want)
	}
	b := newBuilder(t, project(t, "path = 'src'\n", madeUpKernel()))
	_, err := Push(t.Context(), "made-up", "registry.example.com/kernels", false, b.opt)
	wantError(t, err, "push kernel made-up: ", "does not begin with oci://")
	_, err = Push(t.Context(), "made-up", "oci://registry.example.com/kernels:1", true, b.opt)
	wantError(t, err, "it has no build root: it was built from source")
}

// TestRegistryThatRefusesIsNamed: a registry may require a password.
func TestRegistryThatRefusesIsNamed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Basic realm="team"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer server.Close()
	address := "oci://" + strings.TrimPrefix(server.URL, "http://") + "/kernels:1"
	b := newBuilder(t, project(t, "path = 'src'\n", madeUpKernel()))
	_, err := Push(t.Context(), "made-up", address, false, b.opt)
	wantError(t, err, "push to "+address, "401")
}
