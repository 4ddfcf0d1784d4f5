package klog

import (
	"strconv"
	"strings"
)

// Frame is a place in the kernel's code that a report names.
type Frame struct {
	Function string `json:"function"`
	Offset   uint64 `json:"offset"` // into the function, in bytes
	Size     uint64 `json:"size"`   // of the function, in bytes
	Module   string `json:"module,omitempty"`
	Guess    bool   `json:"guess,omitempty"`  // the kernel itself is not sure: "? f+0x1/0x2"
	Return   bool   `json:"return,omitempty"` // the offset is where a call comes back to
	BuildID  string `json:"buildID,omitempty"`
	File     string `json:"file,omitempty"` // as debug information names it; "" is unknown
	Line     int    `json:"line,omitempty"`
}

// String returns the frame as reports name it, with file and line where they
// are known.
func (f Frame) String() string {
	s := f.Function + "+0x" + strconv.FormatUint(f.Offset, 16) + "/0x" + strconv.FormatUint(f.Size, 16)
	if f.Module != "" {
		s += " [" + f.Module + "]"
	}
	if f.File != "" {
		s += " " + f.File + ":" + strconv.Itoa(f.Line)
	}
	return s
}

// place is the function, and the module where it is in one. What the compiler
// has put behind its name, such as .cold or .isra.0, is not of the source.
func (f Frame) place() string {
	name := f.Function
	if i := strings.IndexByte(name, '.'); i > 0 {
		name = name[:i]
	}
	if f.Module == "" {
		return name
	}
	return name + " [" + f.Module + "]"
}

// frameIn returns the first frame that a line names: f+0x1/0x2, and behind it
// perhaps [module], [module build-id] or [module(flags)].
func frameIn(text string) (Frame, bool) {
	for from := 0; ; {
		i := strings.Index(text[from:], "+0x")
		if i < 0 {
			return Frame{}, false
		}
		plus := from + i
		from = plus + 3
		start := plus
		for start > 0 && isSymbol(text[start-1]) {
			start--
		}
		if start == plus || text[start] >= '0' && text[start] <= '9' {
			continue
		}
		f := Frame{Function: text[start:plus]}
		rest, ok := cutHex(text[from:], &f.Offset)
		if !ok || !strings.HasPrefix(rest, "/0x") {
			continue
		}
		if rest, ok = cutHex(rest[3:], &f.Size); !ok {
			continue
		}
		before := strings.TrimLeft(text[:start], " ")
		f.Guess = strings.HasSuffix(before, "? ")
		f.Return = strings.HasPrefix(text, " ") && !strings.Contains(text, ":")
		f.setModule(rest)
		return f, true
	}
}

func (f *Frame) setModule(rest string) {
	rest, ok := strings.CutPrefix(rest, " [")
	if !ok {
		return
	}
	inside, _, ok := strings.Cut(rest, "]")
	if !ok {
		return
	}
	name, id, _ := strings.Cut(inside, " ")
	name, _, _ = strings.Cut(name, "(")
	for i := range len(name) {
		if !isSymbol(name[i]) && name[i] != '-' {
			return
		}
	}
	f.Module = name
	if isHex(id) && len(id) >= 20 {
		f.BuildID = id
	}
}

func isSymbol(c byte) bool {
	return c == '_' || c == '.' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func cutHex(s string, to *uint64) (string, bool) {
	n := 0
	for n < len(s) && n < 16 && isHex(s[n:n+1]) {
		n++
	}
	v, err := strconv.ParseUint(s[:n], 16, 64)
	*to = v
	return s[n:], err == nil
}
