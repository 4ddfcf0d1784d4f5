package debugger

import (
	"debug/elf"
	"fmt"
	"strconv"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/kbuild"
)

// sectionsOf returns a pattern for the guest's files with the addresses of a module's
// sections.
func sectionsOf(module string) string { return "/sys/module/" + module + "/sections/*" }

// loadedModule is a module under test that the guest has loaded.
type loadedModule struct {
	path     string // of its file with debug information
	sections []section
}

// section is a part of a module in the guest's memory.
type section struct {
	name    string
	address uint64
}

// stays reports whether a section of a module has code or data as long as it is loaded:
// the kernel frees those for its start, and others may then have their addresses.
func stays(s *elf.Section) bool {
	const code, data = elf.SHF_ALLOC | elf.SHF_EXECINSTR, elf.SHF_ALLOC | elf.SHF_WRITE
	return s.Size > 0 && !strings.HasPrefix(s.Name, ".init.") &&
		(s.Flags&code == code || s.Flags&data == data || strings.HasPrefix(s.Name, ".rodata"))
}

// readSections finds where the sections of a module are. There are none if it is not loaded.
func readSections(m kbuild.Module, files map[string][]byte) (loadedModule, error) {
	loaded := loadedModule{path: m.Debug}
	f, err := elf.Open(m.Debug)
	if err != nil {
		return loaded, fmt.Errorf("read module %s: %w", m.Name, err)
	}
	defer f.Close()
	for _, s := range f.Sections {
		if !stays(s) {
			continue
		}
		text, ok := files[strings.TrimSuffix(sectionsOf(m.Name), "*")+s.Name]
		if !ok {
			continue
		}
		address, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimSpace(string(text)), "0x"), 16, 64)
		if err == nil && address >= leastAddress {
			loaded.sections = append(loaded.sections, section{s.Name, address})
		}
	}
	return loaded, nil
}
