package symbols

import (
	"debug/dwarf"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/klog"
)

// spot is a line of a source file.
type spot struct {
	file string
	line int
}

// locate returns file and line of a frame, or "" if they are not known. If a
// function of a header was inlined, they are those of the call.
func (o *object) locate(f klog.Frame) (string, int) {
	s := o.find(f)
	if s == nil {
		return "", 0
	}
	pc := s.address + f.Offset
	if f.Return && f.Offset > 0 {
		pc-- // the instruction after the call may be of another line
	}
	at := o.lineOf(pc)
	return at.file, at.line
}

// lineOf returns the line of an address; the zero value if it is not known.
func (o *object) lineOf(pc uint64) spot {
	unit, err := o.data.Reader().SeekPC(pc)
	if err != nil {
		return spot{}
	}
	lines, err := o.data.LineReader(unit)
	if err != nil || lines == nil {
		return spot{}
	}
	at, ok := lineAt(lines, pc)
	if !ok {
		return spot{}
	}
	if calls := o.inlinedAt(unit, lines.Files(), pc); strings.HasSuffix(at.file, ".h") {
		for _, call := range slices.Backward(calls) {
			if !strings.HasSuffix(call.file, ".h") {
				at = call
				break
			}
		}
	}
	return at
}

// lineAt searches all sequences of a unit, one for each section: those of a module
// are not sorted, as the reader's own search requires.
func lineAt(lines *dwarf.LineReader, pc uint64) (spot, bool) {
	var last, entry dwarf.LineEntry
	last.EndSequence = true
	for lines.Next(&entry) == nil {
		if !last.EndSequence && last.Address <= pc && pc < entry.Address && last.File != nil {
			return spot{last.File.Name, last.Line}, true
		}
		last = entry
	}
	return spot{}, false
}

// inlinedAt returns the calls that were inlined at an address, outermost first.
func (o *object) inlinedAt(unit *dwarf.Entry, files []*dwarf.LineFile, pc uint64) []spot {
	var calls []spot
	r := o.data.Reader()
	r.Seek(unit.Offset)
	if e, err := r.Next(); err != nil || e == nil || !e.Children {
		return nil
	}
	for {
		e, err := r.Next()
		if err != nil || e == nil || e.Tag == 0 {
			return calls
		}
		inside := (e.Tag == dwarf.TagSubprogram || e.Tag == dwarf.TagInlinedSubroutine || e.Tag == dwarf.TagLexDwarfBlock) && o.covers(e, pc)
		if inside && e.Tag == dwarf.TagInlinedSubroutine {
			file, _ := e.Val(dwarf.AttrCallFile).(int64)
			line, _ := e.Val(dwarf.AttrCallLine).(int64)
			if file >= 0 && file < int64(len(files)) && files[file] != nil {
				calls = append(calls, spot{files[file].Name, int(line)})
			}
		}
		if e.Children && !inside {
			r.SkipChildren()
		}
	}
}

// covers reports whether an address is in the code of an entry.
func (o *object) covers(e *dwarf.Entry, pc uint64) bool {
	ranges, err := o.data.Ranges(e)
	if err != nil {
		return false
	}
	for _, r := range ranges {
		if r[0] <= pc && pc < r[1] {
			return true
		}
	}
	return false
}
