package explain

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/kmodtest/kmodtest/harness/internal/klog/trace"
)

// value is a number in a register or in memory.
type value struct {
	name    string
	pointer bool
	kind    string // the type as kprobe_events names it
}

// parameter is a parameter of a function.
type parameter struct {
	value
	slot   int // which of the registers with arguments has it, from 1
	fields []field
}

// field is a member of the structure that a parameter points to.
type field struct {
	value
	offset int64
}

// Limits of what is recorded of a call.
const (
	maxSlots   = 6 // registers with arguments
	maxMembers = 12
	maxFields  = 6
)

// types knows the parameters of functions.
type types struct {
	modules map[string]string    // paths by name
	read    map[string]functions // of modules that were read
	kernel  string
	spec    *btf.Spec
	noBTF   bool
}

// functions are the parameters of functions by name.
type functions map[string][]parameter

// of returns the parameters of a function, and nil if they are unknown. The compiler may have
// removed some from a function with a suffix such as .isra.0.
func (t *types) of(f trace.Frame) []parameter {
	if strings.Contains(f.Function, ".") {
		return nil
	}
	if f.Module == "" {
		return t.ofKernel(f.Function)
	}
	name := strings.ReplaceAll(f.Module, "-", "_")
	if t.read == nil {
		t.read = map[string]functions{}
	}
	if _, done := t.read[name]; !done {
		t.read[name], _ = readDWARF(t.modules[name]) // without it, arguments have no names
	}
	return t.read[name][f.Function]
}

// ofKernel returns the parameters of a function of the kernel, by its BTF.
func (t *types) ofKernel(name string) []parameter {
	if t.spec == nil && !t.noBTF {
		var err error
		t.spec, err = readBTF(t.kernel)
		t.noBTF = err != nil
	}
	if t.noBTF {
		return nil
	}
	var function *btf.Func
	if err := t.spec.TypeByName(name, &function); err != nil {
		return nil
	}
	proto, ok := function.Type.(*btf.FuncProto)
	if !ok {
		return nil
	}
	list := []parameter{}
	slot := 1
	for _, p := range proto.Params {
		size, err := btf.Sizeof(p.Type)
		if err != nil {
			return nil
		}
		_, pointer := btf.UnderlyingType(p.Type).(*btf.Pointer)
		whole, isInt := btf.UnderlyingType(p.Type).(*btf.Int)
		signed := isInt && whole.Encoding == btf.Signed
		var known bool
		if list, slot, known = add(list, slot, parameter{value: newValue(p.Name, int64(size), pointer, signed)}, int64(size)); !known {
			break
		}
	}
	return list
}

// readBTF reads the types in the file of a kernel, which has no symbols.
func readBTF(path string) (*btf.Spec, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read types: %w", err)
	}
	defer file.Close()
	section := file.Section(".BTF")
	if section == nil {
		return nil, fmt.Errorf("read types: %s has no section .BTF", path)
	}
	data, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("read types: %w", err)
	}
	return btf.LoadSpecFromReader(bytes.NewReader(data))
}

// newValue returns a value of a size in bytes.
func newValue(name string, size int64, pointer, signed bool) value {
	v := value{name: name, pointer: pointer}
	switch {
	case pointer || size > 8:
		v.kind = "x64"
	case signed:
		v.kind = fmt.Sprintf("s%d", 8*size)
	default:
		v.kind = fmt.Sprintf("u%d", 8*size)
	}
	return v
}

// add adds a parameter in the next register, and returns the register after it. It reports
// false if the parameter, and so the place of the next ones, is in memory or unknown.
func add(list []parameter, slot int, p parameter, size int64) ([]parameter, int, bool) {
	p.slot = slot
	slots := int(max(1, (size+7)/8))
	if slots > 2 || slot+slots-1 > maxSlots || p.name == "" || size < 8 && size != 1 && size != 2 && size != 4 {
		return list, slot, false
	}
	return append(list, p), slot + slots, true
}

// readDWARF returns the functions in the debug information of a module.
func readDWARF(path string) (functions, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read debug information: %w", err)
	}
	defer file.Close()
	data, err := file.DWARF()
	if err != nil {
		return nil, fmt.Errorf("read debug information of %s: %w", path, err)
	}
	found, ambiguous := functions{}, map[string]bool{}
	for r := data.Reader(); ; {
		entry, err := r.Next()
		if err != nil {
			return nil, fmt.Errorf("read debug information of %s: %w", path, err)
		}
		if entry == nil {
			for name := range ambiguous {
				delete(found, name)
			}
			return found, nil
		}
		switch entry.Tag {
		case dwarf.TagCompileUnit, dwarf.TagNamespace:
		case dwarf.TagSubprogram:
			name, _ := entry.Val(dwarf.AttrName).(string)
			declared, _ := entry.Val(dwarf.AttrDeclaration).(bool)
			if name == "" || declared {
				r.SkipChildren()
				continue
			}
			list, err := parameters(data, r, entry.Children)
			if err != nil {
				return nil, fmt.Errorf("read debug information of %s: %w", path, err)
			}
			if old, twice := found[name]; twice && fmt.Sprint(old) != fmt.Sprint(list) {
				ambiguous[name] = true
			}
			found[name] = list
		default:
			r.SkipChildren()
		}
	}
}

// parameters reads the parameters of the function whose children, if it has some, follow.
func parameters(data *dwarf.Data, r *dwarf.Reader, children bool) ([]parameter, error) {
	list, slot, known := []parameter{}, 1, true
	for {
		if !children {
			return list, nil
		}
		entry, err := r.Next()
		if err != nil {
			return nil, err
		}
		if entry == nil {
			return nil, errors.New("it ends in a function")
		}
		if entry.Tag == 0 {
			return list, nil
		}
		r.SkipChildren()
		offset, ok := entry.Val(dwarf.AttrType).(dwarf.Offset)
		if entry.Tag != dwarf.TagFormalParameter || !ok || !known {
			continue
		}
		typ, err := data.Type(offset)
		if err != nil {
			return nil, err
		}
		name, _ := entry.Val(dwarf.AttrName).(string)
		p := parameter{value: valueOf(name, typ), fields: fieldsOf(typ)}
		list, slot, known = add(list, slot, p, typ.Size())
	}
}

// strip removes the names and qualifiers of a type.
func strip(t dwarf.Type) dwarf.Type {
	for {
		switch inner := t.(type) {
		case *dwarf.TypedefType:
			t = inner.Type
		case *dwarf.QualType:
			t = inner.Type
		default:
			return t
		}
	}
}

func valueOf(name string, t dwarf.Type) value {
	var pointer, signed bool
	switch strip(t).(type) {
	case *dwarf.PtrType:
		pointer = true
	case *dwarf.IntType, *dwarf.CharType:
		signed = true
	}
	return newValue(name, t.Size(), pointer, signed)
}

// fieldsOf returns the numbers and pointers of a structure that t points to. Big ones, as many
// of the kernel are, have none.
func fieldsOf(t dwarf.Type) []field {
	pointer, ok := strip(t).(*dwarf.PtrType)
	if !ok {
		return nil
	}
	structure, ok := strip(pointer.Type).(*dwarf.StructType)
	if !ok || structure.Kind != "struct" || len(structure.Field) > maxMembers {
		return nil
	}
	var all []field
	for _, member := range structure.Field {
		switch strip(member.Type).(type) {
		case *dwarf.PtrType, *dwarf.IntType, *dwarf.UintType, *dwarf.CharType, *dwarf.UcharType, *dwarf.BoolType, *dwarf.EnumType:
		default:
			continue
		}
		if member.BitSize != 0 || len(all) == maxFields || member.Name == "" {
			continue
		}
		all = append(all, field{value: valueOf(member.Name, member.Type), offset: member.ByteOffset})
	}
	return all
}
