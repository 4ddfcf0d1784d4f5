// Package packageroot makes a directory with the unpacked packages of a kernel usable where it is.
package packageroot

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/kmodtest/kmodtest/images/internal/files"
)

// Strip removes files from unpacked packages, which Enclose has enclosed, that neither a machine nor a build reads, and
// returns the kernel's release.
func Strip(root string) (string, error) {
	unneeded := []string{
		"usr/share", "etc", "boot/System.map-*", "boot/config-*", "usr/src/linux-headers-*/vmlinux", "usr/src/kernels/*/vmlinux",
		"usr/lib/modules/*/build/vmlinux", "usr/lib/.build-id",
	}
	for _, pattern := range unneeded {
		found, err := files.Glob(root, pattern)
		if err != nil {
			return "", fmt.Errorf("strip packages: %w", err)
		}
		for _, path := range found {
			if err := os.RemoveAll(path); err != nil {
				return "", fmt.Errorf("strip packages: %w", err)
			}
		}
	}
	if err := mergeUsr(root); err != nil {
		return "", err
	}
	if err := imageToBoot(root); err != nil {
		return "", fmt.Errorf("find kernel in its package: %w", err)
	}
	images, err := files.Glob(root, "boot/vmlinuz-*")
	if err != nil || len(images) != 1 {
		return "", fmt.Errorf("find kernel in its package: it has %d images, want 1", len(images))
	}
	return strings.TrimPrefix(filepath.Base(images[0]), "vmlinuz-"), nil
}

// imageToBoot moves a kernel to boot/vmlinuz-RELEASE from the directory with its modules, where packages of RPM and Arch
// have it, or from boot/vmlinux-RELEASE, where Debian's packages for some architectures have it. Only files are moved: a
// relative link would lead elsewhere.
func imageToBoot(root string) error {
	uncompressed, err := files.Glob(root, "boot/vmlinux-*")
	if err != nil {
		return err
	}
	for _, image := range uncompressed {
		if !files.IsItself(image) {
			continue
		}
		to := filepath.Join(root, "boot/vmlinuz-"+strings.TrimPrefix(filepath.Base(image), "vmlinux-"))
		if err := files.Move(image, to); err != nil {
			return err
		}
	}
	found, err := files.Glob(root, "lib/modules/*/vmlinuz")
	if err != nil {
		return err
	}
	for _, image := range found {
		to := filepath.Join(root, "boot/vmlinuz-"+filepath.Base(filepath.Dir(image)))
		if files.Is(to) || !files.IsItself(image) {
			continue // the packages have it twice
		}
		if err := files.Move(image, to); err != nil {
			return err
		}
	}
	return nil
}

// builds are the directories that packages have for building modules; RELEASE stands for the kernel's release.
func builds() []string {
	return []string{"usr/src/linux-headers-RELEASE", "usr/src/kernels/RELEASE", "lib/modules/RELEASE/build"}
}

// BuildDirectory returns the directory for building modules, relative to root.
func BuildDirectory(root, release string) (string, error) {
	for _, pattern := range builds() {
		dir := strings.ReplaceAll(pattern, "RELEASE", release)
		if files.Is(filepath.Join(root, dir, "Makefile")) {
			return dir, nil
		}
	}
	return "", fmt.Errorf("modules cannot be built: the packages of Linux %s have no %s with a Makefile; name the package with its headers",
		release, strings.ReplaceAll(strings.Join(builds(), ", "), "RELEASE", release))
}

// mergeUsr makes lib a link to usr/lib if a package has its modules there, as newer packages do:
// depmod reads lib/modules.
func mergeUsr(root string) error {
	if _, err := os.Stat(filepath.Join(root, "lib")); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink("usr/lib", filepath.Join(root, "lib")); err != nil {
		return fmt.Errorf("make lib of packages: %w", err)
	}
	return nil
}

// Relocate makes packages with kernel headers, unpacked below root, work there: after Enclose, it replaces absolute paths in
// makefiles by relative ones, so root can be moved.
func Relocate(root string) error {
	if err := Enclose(root); err != nil {
		return err
	}
	var found []string
	for _, pattern := range builds() {
		more, err := files.Glob(root, strings.ReplaceAll(pattern, "RELEASE", "*")+"/include/config/auto.conf")
		if err != nil {
			return fmt.Errorf("relocate headers: %w", err)
		}
		found = append(found, more...)
	}
	for _, autoConf := range found {
		build := strings.TrimSuffix(autoConf, "/include/config/auto.conf")
		if err := rewrite(filepath.Join(build, "Makefile"), relocateMakefile); err != nil {
			return fmt.Errorf("relocate headers: %w", err)
		}
		if err := rewrite(autoConf, withoutBTF); err != nil {
			return fmt.Errorf("switch off BTF of modules: %w", err)
		}
	}
	return nil
}

// HasAbsoluteIncludes reports whether a makefile includes headers by an absolute path, which Relocate replaces.
func HasAbsoluteIncludes(makefile []byte) bool { return includeOfHeaders.Match(makefile) }

var includeOfHeaders = regexp.MustCompile(`(?m)^include /usr/src/`)

// outputOfHeaders is the first line of the makefile of a build directory in newer packages.
var outputOfHeaders = regexp.MustCompile(`(?m)^KBUILD_OUTPUT *= */usr/src/.*$`)

// relocateMakefile makes the makefile of a build directory name itself, and include the makefile of the common headers, by
// paths relative to itself, which work in any working directory.
func relocateMakefile(text []byte) []byte {
	text = outputOfHeaders.ReplaceAllLiteral(text, []byte("KBUILD_OUTPUT := $(realpath $(dir $(lastword $(MAKEFILE_LIST))))"))
	return includeOfHeaders.ReplaceAllLiteral(text, []byte("include $(dir $(lastword $(MAKEFILE_LIST)))../"))
}

var btfOfModules = regexp.MustCompile(`(?m)^CONFIG_DEBUG_INFO_BTF_MODULES=y\n`)

// withoutBTF makes the build generate no BTF for modules. BTF requires a vmlinux, without which make
// warns, and pahole, without which make fails. Most header packages lack the former, most hosts the
// latter. The C headers keep the option: the layout of struct module depends on it.
func withoutBTF(text []byte) []byte {
	return btfOfModules.ReplaceAllLiteral(text, nil)
}

// rewrite replaces the content of a file by the result of edit.
func rewrite(path string, edit func([]byte) []byte) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	edited := edit(text)
	if bytes.Equal(text, edited) {
		return nil
	}
	return os.WriteFile(path, edited, 0o644)
}
