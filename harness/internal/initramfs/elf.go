package initramfs

import (
	"debug/elf"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/u-root/u-root/pkg/ldd"
)

// sharedLibraries returns the paths of the shared libraries that a file needs,
// the dynamic loader and links to them included. It returns none for a file that
// is not ELF, and for one that this machine cannot run: the dynamic loader, which
// lists them, is a program of the file's own machine.
func sharedLibraries(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	file, err := elf.NewFile(f)
	if err != nil { // not ELF, or cut off
		return nil, nil //nolint:nilerr // then it is data
	}
	if !runsHere(file.FileHeader) || !hasLoader(file) {
		return nil, nil
	}
	libraries, err := ldd.FList(path)
	if err != nil {
		return nil, fmt.Errorf("find the shared libraries of %s: %w", path, err)
	}
	return libraries, nil
}

// runsHere reports whether a file is for this machine, by type and class.
func runsHere(h elf.FileHeader) bool {
	type kind struct {
		machine elf.Machine
		class   elf.Class
	}
	switch k := (kind{h.Machine, h.Class}); runtime.GOARCH {
	case "amd64", "386":
		return k == kind{elf.EM_X86_64, elf.ELFCLASS64} || k == kind{elf.EM_386, elf.ELFCLASS32}
	case "arm64", "arm":
		return k == kind{elf.EM_AARCH64, elf.ELFCLASS64} || k == kind{elf.EM_ARM, elf.ELFCLASS32}
	}
	return false
}

// hasLoader reports whether this system has the dynamic loader that a file names,
// or one for its class if it is a shared library, which names none.
func hasLoader(file *elf.File) bool {
	section := file.Section(".interp")
	if section == nil {
		_, err := ldd.LdSo(file.Class == elf.ELFCLASS64)
		return file.Type == elf.ET_DYN && err == nil
	}
	name, err := section.Data()
	if err != nil {
		return false
	}
	info, err := os.Stat(strings.TrimRight(string(name), "\x00"))
	return err == nil && info.Mode().IsRegular()
}
