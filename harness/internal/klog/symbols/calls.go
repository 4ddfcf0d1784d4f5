package symbols

// Address is a place in a section of a module.
type Address struct {
	Section string
	Offset  uint64 // in bytes
}

// Line is a line of a source file. The zero value stands for an unknown line.
type Line struct {
	Name   string // of the file
	Number int
}

// Calls returns the lines of calls in the .ko file at path, for the addresses of the
// instructions after them. A call in a function of a header that was inlined has the line
// that calls that function.
func Calls(path string, after []Address) ([]Line, error) {
	o, err := readObject(path)
	if err != nil {
		return nil, err
	}
	lines := make([]Line, len(after))
	for i, a := range after {
		if base, ok := o.bases[a.Section]; ok && a.Offset > 0 {
			at := o.lineOf(base + a.Offset - 1)
			lines[i] = Line{at.file, at.line}
		}
	}
	return lines, nil
}
