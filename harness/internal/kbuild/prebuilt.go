package kbuild

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/copytree"
	"github.com/kmodtest/kmodtest/images"
	"github.com/kmodtest/kmodtest/images/arch"
)

// take returns the cache entry of a .ko file that was built before.
func (r *Result) take(ctx context.Context, cacheDir string, kernel *images.Kernel, path string) (string, error) {
	module, err := readModule(path)
	if err != nil {
		return "", err
	}
	target, err := arch.Find(kernel.Arch)
	if err != nil {
		return "", fmt.Errorf("module %s: %w", path, err)
	}
	if module.machine != target.ELF {
		return "", fmt.Errorf("module %s was built for another architecture: it is for %v, and Linux %s takes only %v; build it for %s, "+
			"or name its sources instead of the .ko file", path, module.machine, kernel.Release, target.ELF, target.Name)
	}
	if kernel.Build != "" { // otherwise only the kernel itself knows what it takes
		if err := checkMagic(kernel, target, path, module.vermagic); err != nil {
			return "", err
		}
	}
	digest, err := copytree.Digest(path)
	if err != nil {
		return "", err
	}
	r.Key = digestOfText(version, "taken", path, digest)
	return r.entry(ctx, cacheDir, func(_ context.Context, out string) error {
		base := filepath.Base(path)
		if err := os.Mkdir(filepath.Join(out, guestDir), 0o700); err != nil {
			return err
		}
		if err := copyFile(path, filepath.Join(out, base)); err != nil {
			return err
		}
		return os.Symlink("../"+base, filepath.Join(out, guestDir, base))
	})
}

// checkMagic returns an error if the kernel would refuse a module with this vermagic.
func checkMagic(kernel *images.Kernel, target arch.Arch, path, have string) error {
	want, err := vermagic(kernel, target)
	if err != nil {
		return fmt.Errorf("module %s: %w", path, err)
	}
	fits := sameMagic(have, want)
	if fits && have != want { // of another release
		if fits, err = sameLayout(path, kernel.Build); err != nil {
			return fmt.Errorf("module %s: %w", path, err)
		}
	}
	if !fits {
		return fmt.Errorf("module %s was built for another kernel: its vermagic is %q, and Linux %s takes only %q; "+
			"build it against this kernel (kmodtest kernel path --build prints the directory), or name its sources instead of the .ko file",
			path, have, kernel.Release, want)
	}
	return nil
}

var utsRelease = regexp.MustCompile(`#define UTS_RELEASE "(.*)"`)

// vermagic returns the string that a module must carry to be loaded: the kernel's
// release, then the options that change the layout of its structures.
func vermagic(kernel *images.Kernel, target arch.Arch) (string, error) {
	header, err := os.ReadFile(filepath.Join(kernel.Build, "include/generated/utsrelease.h"))
	if err != nil {
		return "", err
	}
	config, err := os.ReadFile(filepath.Join(kernel.Build, "include/config/auto.conf"))
	if err != nil {
		return "", err
	}
	release := utsRelease.FindSubmatch(header)
	if release == nil {
		return "", fmt.Errorf("include/generated/utsrelease.h in %s has no release", kernel.Build)
	}
	has := func(option string) bool { return bytes.Contains(config, []byte("\nCONFIG_"+option+"=y\n")) }
	// Linux 5.10 has PREEMPT where later kernels have PREEMPT_BUILD.
	full := has("PREEMPT_BUILD") || has("PREEMPT") && !bytes.Contains(config, []byte("PREEMPT_BUILD"))
	var magic strings.Builder
	magic.Write(release[1])
	magic.WriteByte(' ')
	for _, flag := range []struct {
		set  bool
		text string
	}{
		{has("SMP"), "SMP "},
		{full && !has("PREEMPT_RT"), "preempt "},
		{has("PREEMPT_RT"), "preempt_rt "},
		{has("MODULE_UNLOAD"), "mod_unload "},
		{has("MODVERSIONS"), "modversions "},
	} {
		if flag.set {
			magic.WriteString(flag.text)
		}
	}
	return magic.String() + target.Vermagic, nil
}

// sameLayout compares the checksum of the kernel's own structures in a module with that
// of a kernel: both have one for the symbol module_layout.
func sameLayout(ko, build string) (bool, error) {
	const symbol, checksumSize, entrySize = "module_layout", 8, 64 // struct modversion_info
	f, err := elf.Open(ko)
	if err != nil {
		return false, err
	}
	defer f.Close()
	section := f.Section("__versions")
	if section == nil {
		return false, nil
	}
	data, err := section.Data()
	if err != nil {
		return false, err
	}
	list, err := os.ReadFile(filepath.Join(build, symbolsName))
	if err != nil {
		return false, err
	}
	for entry := range slices.Chunk(data, entrySize) {
		if len(entry) == entrySize && strings.TrimRight(string(entry[checksumSize:]), "\x00") == symbol {
			line := fmt.Sprintf("0x%08x\t%s\t", uint32(f.ByteOrder.Uint64(entry)), symbol)
			return bytes.Contains(list, []byte(line)), nil
		}
	}
	return false, nil
}

var randomLayout = regexp.MustCompile(` RANDSTRUCT\S*`)

// sameMagic compares as the kernel does: if both have checksums of symbols, the releases
// may differ. It leaves the seed of a randomized layout to the kernel.
func sameMagic(have, want string) bool {
	have = randomLayout.ReplaceAllString(have, "")
	if strings.Contains(have, " modversions ") && strings.Contains(want, " modversions ") {
		_, have, _ = strings.Cut(have, " ")
		_, want, _ = strings.Cut(want, " ")
	}
	return have == want
}
