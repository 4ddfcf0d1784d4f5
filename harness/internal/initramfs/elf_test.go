package initramfs

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// program returns a minimal 64-bit ELF file that names a dynamic loader, or none
// if loader is "".
func program(t *testing.T, machine elf.Machine, loader string) []byte {
	t.Helper()
	const names = "\x00.interp\x00.shstrtab\x00"
	const head, section = 64, 64
	sections := []elf.Section64{{}}
	content := loader + "\x00"
	if loader != "" {
		sections = append(sections, elf.Section64{Name: 1, Type: uint32(elf.SHT_PROGBITS), Off: head, Size: uint64(len(content))})
	}
	sections = append(sections, elf.Section64{
		Name: 9, Type: uint32(elf.SHT_STRTAB), Off: head + uint64(len(content)), Size: uint64(len(names)),
	})
	header := elf.Header64{
		Ident: [elf.EI_NIDENT]byte{
			0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT),
		},
		Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT),
		Shoff: head + uint64(len(content)+len(names)), Ehsize: head,
		Shentsize: section, Shnum: uint16(len(sections)), Shstrndx: uint16(len(sections) - 1),
	}
	var b bytes.Buffer
	for _, part := range []any{header, []byte(content), []byte(names), sections} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// own returns the machine type and the dynamic loader of a program that runs on
// the host.
func own(t *testing.T) (machine elf.Machine, loader string) {
	t.Helper()
	f, err := elf.Open("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	section := f.Section(".interp")
	if section == nil {
		t.Fatal("/bin/sh names no dynamic loader")
	}
	name, err := section.Data()
	if err != nil {
		t.Fatal(err)
	}
	return f.Machine, string(bytes.TrimRight(name, "\x00"))
}

func TestForeignELFFileHasNoLibraries(t *testing.T) {
	machine, loader := own(t)
	whole := program(t, machine, loader)
	otherClass := bytes.Clone(whole)
	otherClass[elf.EI_CLASS] = byte(elf.ELFCLASS32)
	for name, content := range map[string][]byte{
		"another machine":                     program(t, elf.EM_S390, "/lib/ld64.so.1"),
		"another machine, loader of the host": program(t, elf.EM_S390, loader),
		"another class":                       otherClass,
		"missing loader":                      program(t, machine, "/nonexistent/ld.so.1"),
		"loader that is a directory":          program(t, machine, "/"),
		"no loader":                           program(t, machine, ""),
		"truncated in the identification":     whole[:5],
		"truncated in the header":             whole[:40],
		"truncated before the sections":       whole[:64],
		"empty":                               nil,
	} {
		dir := tree(t, map[string]string{"file": string(content)})
		if diff := cmp.Diff([]string{"file"}, found(t, dir, filepath.Join(dir, "file"))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// The file that the cases above are derived from is passed to the loader, which
// rejects it because it consists of headers only.
func TestNativeELFFileIsPassedToItsLoader(t *testing.T) {
	machine, loader := own(t)
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, program(t, machine, loader), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := FindFiles([]string{path}); err == nil {
		t.Error("no error from the dynamic loader")
	}
}
