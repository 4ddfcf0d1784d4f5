package symbols

import (
	"bytes"
	"cmp"
	"debug/dwarf"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/klog"
)

// object is a module or a kernel with debug information.
type object struct {
	functions map[string][]function
	data      *dwarf.Data
	bases     map[string]uint64 // addresses of a module's sections with code
	buildID   string
	release   string // of the kernel that a module was built for
}

// function is the place of a function in its section, in bytes.
type function struct {
	address, size uint64
	room          uint64 // up to the next function, which is the size in reports; 0 is unknown
}

// readObject reads a .ko or vmlinux.
func readObject(path string) (*object, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read debug information: %w", err)
	}
	o, err := parseObject(content)
	if err != nil {
		return nil, fmt.Errorf("read debug information of %s: %w", path, err)
	}
	return o, nil
}

func parseObject(content []byte) (*object, error) {
	file, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	var bases map[string]uint64
	if file.Type == elf.ET_REL {
		if err := distances(file, content); err != nil {
			return nil, err
		}
		if bases, err = spread(file, content); err != nil {
			return nil, err
		}
		if file, err = elf.NewFile(bytes.NewReader(content)); err != nil {
			return nil, err
		}
	}
	symbols, err := file.Symbols()
	if err != nil {
		return nil, err
	}
	o := &object{functions: functionsOf(symbols), buildID: buildID(file), release: release(file), bases: bases}
	if o.data, err = file.DWARF(); err != nil {
		return nil, err
	}
	first, err := o.data.Reader().Next()
	if err == nil && first == nil {
		err = errors.New("the file has none")
	}
	if err != nil {
		return nil, err
	}
	return o, nil
}

func functionsOf(symbols []elf.Symbol) map[string][]function {
	found := map[string][]function{}
	named := slices.DeleteFunc(symbols, func(s elf.Symbol) bool {
		return s.Section == elf.SHN_UNDEF || s.Section >= elf.SHN_LORESERVE || elf.ST_TYPE(s.Info) > elf.STT_FUNC || !isNamed(s.Name)
	})
	slices.SortFunc(named, func(a, b elf.Symbol) int {
		return cmp.Or(cmp.Compare(a.Section, b.Section), cmp.Compare(a.Value, b.Value))
	})
	for i, s := range named {
		if elf.ST_TYPE(s.Info) != elf.STT_FUNC {
			continue
		}
		f := function{address: s.Value, size: s.Size}
		for _, next := range named[i+1:] {
			if next.Section != s.Section {
				break
			}
			if next.Value > s.Value {
				f.room = next.Value - s.Value
				break
			}
		}
		found[s.Name] = append(found[s.Name], f)
	}
	return found
}

// isNamed reports whether a kernel uses a symbol in reports. It skips local labels and
// the marks between code and data, as do its own tables.
func isNamed(name string) bool {
	return name != "" && name[0] != '$' && !strings.HasPrefix(name, ".L")
}

// symbolSize is the size of a symbol in the table of a 64-bit object; valueAt and
// sectionAt are the offsets of its value and of its section's index.
const (
	symbolSize = 24
	sectionAt  = 6
	valueAt    = 8
)

// spread gives the sections of a module different addresses. All begin at 0 until
// the kernel loads them, and a place in .text would equal one in .init.text. The
// relocations of the debug information apply what is written into the table of
// symbols here. It returns the addresses of sections with code.
func spread(file *elf.File, content []byte) (map[string]uint64, error) {
	byName := map[string]uint64{}
	var bases []uint64
	next := uint64(1 << 20)
	for _, s := range file.Sections {
		base := uint64(0)
		if s.Flags&elf.SHF_EXECINSTR != 0 {
			base = next
			next += (s.Size + 1<<20) &^ 0xfff
			byName[s.Name] = base
		}
		bases = append(bases, base)
	}
	table := file.SectionByType(elf.SHT_SYMTAB)
	if table == nil || file.Class != elf.ELFCLASS64 || table.Offset+table.Size > uint64(len(content)) {
		return nil, errors.New("not a 64-bit module with symbols")
	}
	symbols := content[table.Offset : table.Offset+table.Size]
	for ; len(symbols) >= symbolSize; symbols = symbols[symbolSize:] {
		section := int(file.ByteOrder.Uint16(symbols[sectionAt:]))
		if section > 0 && section < len(bases) && bases[section] != 0 {
			value := file.ByteOrder.Uint64(symbols[valueAt:])
			file.ByteOrder.PutUint64(symbols[valueAt:], value+bases[section])
		}
	}
	return byName, nil
}

// buildID returns the identifier that the kernel can print after a module's name,
// or "".
func buildID(file *elf.File) string {
	s := file.Section(".note.gnu.build-id")
	if s == nil {
		return ""
	}
	note, err := s.Data()
	if err != nil || len(note) < 16 {
		return ""
	}
	size := file.ByteOrder.Uint32(note[4:])
	if uint64(size)+16 > uint64(len(note)) {
		return ""
	}
	return hex.EncodeToString(note[16 : 16+size])
}

// release returns the release of the kernel that a module was built for, or "".
func release(file *elf.File) string {
	s := file.Section(".modinfo")
	if s == nil {
		return ""
	}
	info, err := s.Data()
	if err != nil {
		return ""
	}
	for field := range strings.SplitSeq(string(info), "\x00") {
		if version, ok := strings.CutPrefix(field, "vermagic="); ok {
			version, _, _ = strings.Cut(version, " ")
			return version
		}
	}
	return ""
}

// isFor reports whether a kernel can have loaded the module. Either release may be "", which is not known.
func (o *object) isFor(release string) bool {
	return release == "" || o.release == "" || release == o.release
}

// fits reports whether a report can be of this build of the module.
func (o *object) fits(module string, frames []klog.Frame) bool {
	for _, f := range frames {
		if f.Module != module || f.Size == 0 {
			continue
		}
		if f.BuildID != "" && o.buildID != "" && f.BuildID != o.buildID {
			return false
		}
		if len(o.functions[f.Function]) > 0 && len(o.candidates(f)) == 0 {
			return false
		}
	}
	return true
}

// find returns the function of a frame, or nil. If several have the same name, it
// is the only one with the size that the report names.
func (o *object) find(f klog.Frame) *function {
	found := o.candidates(f)
	if len(found) != 1 {
		return nil
	}
	return found[0]
}

// caller returns the frame of the function whose end is the beginning of f's function: if
// a function ends with a call that never returns, some kernels name the next function.
// Without such a function it returns f.
func (o *object) caller(f klog.Frame) klog.Frame {
	next := o.find(f)
	if next == nil {
		return f
	}
	for _, name := range slices.Sorted(maps.Keys(o.functions)) {
		for _, s := range o.functions[name] {
			if s.room > 0 && s.address+s.room == next.address {
				f.Function, f.Offset, f.Size = name, s.room, s.room
				return f
			}
		}
	}
	return f
}

func (o *object) candidates(f klog.Frame) []*function {
	var found []*function
	for i := range o.functions[f.Function] {
		s := &o.functions[f.Function][i]
		if s.size <= f.Size && (s.room == 0 || f.Size <= s.room) && f.Offset <= f.Size {
			found = append(found, s)
		}
	}
	return found
}
