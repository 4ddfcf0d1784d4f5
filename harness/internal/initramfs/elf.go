package initramfs

import (
	"debug/elf"
	"fmt"
	"os"
	"strings"

	"github.com/u-root/u-root/pkg/ldd"

	"github.com/kmodtest/kmodtest/images/arch"
)

// Libraries returns the paths of the shared libraries that a file needs,
// including the dynamic loader and links to them. It returns nil for a file that
// is not ELF, and for an ELF file that the host cannot run: the libraries are
// listed by running the file's own dynamic loader.
func Libraries(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	file, err := elf.NewFile(f)
	if err != nil { // not ELF, or truncated
		return nil, nil // such a file is data
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

// runsHere reports whether an ELF file is for the host's machine type and class.
func runsHere(h elf.FileHeader) bool {
	type kind struct {
		machine elf.Machine
		class   elf.Class
	}
	switch k := (kind{h.Machine, h.Class}); arch.Host().Name {
	case "amd64":
		return k == kind{elf.EM_X86_64, elf.ELFCLASS64} || k == kind{elf.EM_386, elf.ELFCLASS32}
	case "arm64":
		return k == kind{elf.EM_AARCH64, elf.ELFCLASS64} || k == kind{elf.EM_ARM, elf.ELFCLASS32}
	default:
		return k == kind{arch.Host().ELF, elf.ELFCLASS64}
	}
}

// hasLoader reports whether the host has the dynamic loader that an ELF file
// names. A shared library names none: then any loader for its class will do.
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
