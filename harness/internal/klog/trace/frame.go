// Package trace reads stacks in reports of the kernel, and finds the function that
// a report is about.
package trace

import (
	"strconv"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/klog/prefix"
)

// Frame is a place in the code of the kernel or a module that a report names.
type Frame struct {
	Function string `json:"function"`
	Offset   uint64 `json:"offset"` // into the function, in bytes
	Size     uint64 `json:"size"`   // of the function, in bytes; 0 if the report names only the function
	Module   string `json:"module,omitempty"`
	Guess    bool   `json:"guess,omitempty"`  // guessed by the kernel: "? f+0x1/0x2"
	Return   bool   `json:"return,omitempty"` // the offset is a return address
	BuildID  string `json:"buildID,omitempty"`
	File     string `json:"file,omitempty"` // as in the debug information; "" is unknown
	Line     int    `json:"line,omitempty"`
}

// String returns the frame as reports print it, with its file and line if they
// are known.
func (f Frame) String() string {
	s := f.Function
	if f.Size != 0 {
		s += "+0x" + strconv.FormatUint(f.Offset, 16) + "/0x" + strconv.FormatUint(f.Size, 16)
	}
	if f.Module != "" {
		s += " [" + f.Module + "]"
	}
	if f.File != "" {
		s += " " + f.File + ":" + strconv.Itoa(f.Line)
	}
	return s
}

// Place returns the function, and its module if it is in one. It omits what the
// compiler appends to the name, such as .cold or .isra.0.
func (f Frame) Place() string {
	name := f.Function
	if i := strings.IndexByte(name, '.'); i > 0 {
		name = name[:i]
	}
	if f.Module == "" {
		return name
	}
	return name + " [" + f.Module + "]"
}

// isOutside reports whether the place is behind the function's end: the kernel names the
// function before a place that is in none, such as data.
func (f Frame) isOutside() bool { return f.Size > 0 && f.Offset > f.Size }

// IsNext reports whether the frame names the function after the caller: the caller ends
// with a call that never returns.
func (f Frame) IsNext() bool { return f.Return && f.Size > 0 && f.Offset == 0 }

// frameIn returns the first frame in a line: f+0x1/0x2, and after it perhaps
// [module], [module build-id] or [module(flags)].
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
		f := Frame{Function: strings.TrimLeft(text[start:plus], ".")} // ppc64 with function descriptors
		rest, ok := cutHex(text[from:], &f.Offset)
		if !ok || !strings.HasPrefix(rest, "/0x") || f.Function == "" {
			continue
		}
		if rest, ok = cutHex(rest[3:], &f.Size); !ok {
			continue
		}
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
	if name == "inline" { // of a decoded trace
		return
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

// Frames returns the frames in a line of a trace. Only addresses and a question
// mark may precede them:
//
//	 f+0x1/0x2                       most
//	 [<ffffffff81000000>] f+0x1/0x2  before 4.10, s390, riscv
//	[c0000000] [c0000000] f+0x1/0x2  ppc64
//	[<80c1e5e8>] (f) from [<80c1eb20>] (g+0x1/0x2)  arm; f from g+0x1/0x2 since 5.17
//	 f (file.c:1) or f file.c:1 [inline]  decoded by a script
//	 f+0x1/0x2 [module] (P)          arm64 since 6.13: the instruction at an exception
//	f+0x1/0x2                        some copies of a log
func Frames(text string) []Frame {
	rest := strings.TrimLeft(text, " \t")
	indented := len(rest) < len(text)
	addressed := false
	rest = strings.TrimPrefix(rest, "(") // s390, the first one
	for strings.HasPrefix(rest, "[") {
		inside, after, ok := strings.Cut(rest[1:], "]")
		if !ok || !isHex(strings.Trim(inside, "<>")) && strings.Trim(inside, "<> ") != "inline" {
			return nil
		}
		rest, addressed = strings.TrimLeft(after, ") "), true
	}
	if before, after, ok := strings.Cut(rest, " from "); ok {
		return armFrames(before, after)
	}
	if !indented && !addressed && !IsFrame(text) {
		return nil
	}
	rest, guess := strings.CutPrefix(rest, "? ")
	name := symbol(rest)
	if name == "" {
		return nil
	}
	if strings.HasPrefix(rest[len(name):], "+0x") {
		f, ok := frameIn(rest)
		if !ok || strings.TrimLeft(name, ".") != f.Function {
			return nil
		}
		f.Guess, f.Return = guess, !strings.Contains(rest, " (P")
		return []Frame{f}
	}
	if !isDecoded(rest[len(name):]) {
		return nil
	}
	return []Frame{{Function: name, Guess: guess}}
}

// IsFrame reports whether a line is a frame from its first byte: some programs remove the spaces at the beginning.
func IsFrame(text string) bool {
	text = strings.TrimPrefix(text, "? ")
	name := symbol(text)
	var place uint64
	rest, ok := strings.CutPrefix(text[len(name):], "+0x")
	if name == "" || !ok {
		return false
	}
	if rest, ok = cutHex(rest, &place); ok {
		rest, ok = strings.CutPrefix(rest, "/0x")
	}
	if ok {
		rest, ok = cutHex(rest, &place)
	}
	rest = strings.TrimRight(rest, " ")
	return ok && (rest == "" || strings.HasPrefix(rest, " [") || strings.HasPrefix(rest, " ("))
}

// armFrames returns the frames of a function and of its caller.
func armFrames(before, after string) []Frame {
	caller, ok := frameIn(after)
	name := strings.Trim(before, "()")
	name, module, _ := strings.Cut(name, " [")
	name, _, _ = strings.Cut(name, "+0x")
	if !ok || name == "" || symbol(name) != name {
		return nil
	}
	caller.Return = true
	return []Frame{{Function: name, Module: strings.TrimSuffix(module, "]")}, caller}
}

// symbol returns the symbol that text begins with, or "".
func symbol(text string) string {
	n := 0
	for n < len(text) && isSymbol(text[n]) {
		n++
	}
	if n > 0 && text[0] >= '0' && text[0] <= '9' {
		return ""
	}
	return text[:n]
}

// isDecoded reports whether a file and a line follow a function's name: " (a.c:1)",
// " a.c:1 [inline]".
func isDecoded(text string) bool {
	place, ok := strings.CutPrefix(text, " (")
	if ok {
		place, _, ok = strings.Cut(place, ")")
	} else if place, ok = strings.CutPrefix(text, " "); ok {
		place, _, ok = strings.Cut(place, " [inline]")
	}
	place, _, _ = strings.Cut(place, " (discriminator")
	file, line, found := strings.Cut(place, ":")
	line, _, _ = strings.Cut(line, " ")
	return ok && found && prefix.IsNumber(line) && (strings.HasSuffix(file, ".c") || strings.HasSuffix(file, ".h") || strings.HasSuffix(file, ".S") || strings.HasSuffix(file, ".rs"))
}

// pointers are the beginnings of lines that name the instruction at which the
// processor was.
var pointers = []string{
	"RIP: ", "RIP  ", "EIP: ", "EIP is at ", "IP: ", "PC is at ", "pc : ", "epc : ", "epc   : ", "NIP [", "NIP: ", "NIP ", "Krnl PSW : ", "PC: ",
	"ERA: ", "era   : ", "TPC: <", "IAOQ[0]: ",
}

// pointerFrame returns the frame of a line that begins with one of pointers, and
// reports whether the line does. A frame without a name is in user space or in no
// function.
func pointerFrame(text string) (Frame, bool) {
	text = strings.TrimLeft(text, " ") // loongarch and parisc indent it
	if text == "" || strings.IndexByte("REIPTpeNK", text[0]) < 0 {
		return Frame{}, false
	}
	for _, prefix := range pointers {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			f, _ := frameIn(rest)
			return f, true
		}
	}
	return Frame{}, false
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return s != ""
}
