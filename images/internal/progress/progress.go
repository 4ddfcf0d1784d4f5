// Package progress shows how far work that takes time has come.
package progress

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// Progress shows the progress of work: in lines, and on a terminal with a bar below the last line.
type Progress struct {
	out  io.Writer
	bars *mpb.Progress // nil if out is not a terminal, or after Close
	bar  *mpb.Bar
	done atomic.Value // a string: the text to the right of the bar
}

// New returns the progress of work that is shown on out. Close must be called.
func New(out io.Writer) *Progress {
	p := &Progress{out: out}
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		p.bars = mpb.New(mpb.WithOutput(file), mpb.WithWidth(48))
		text := decor.Any(func(decor.Statistics) string { text, _ := p.done.Load().(string); return text })
		p.bar = p.bars.AddBar(100, mpb.AppendDecorators(decor.Percentage(), text))
	}
	return p
}

// Line prints a line. It ignores errors, which are no reason to stop the work.
func (p *Progress) Line(format string, args ...any) {
	out := p.out
	if p.bars != nil {
		out = p.bars // prints above the bar
	}
	_, _ = fmt.Fprintf(out, "kmodtest: "+format+"\n", args...)
}

// Part returns a function that moves the bar during one part of the work. The function takes the
// progress of that part in percent; the bar moves between the percentages from and to.
func (p *Progress) Part(from, to float64) func(percent float64) {
	return func(percent float64) {
		if p.bars != nil {
			// A bar that has reached its total can no longer be removed.
			p.bar.SetCurrent(min(99, int64(from+(to-from)*percent/100)))
		}
	}
}

// Count shows to the right of the bar how many things are done, of how many expected.
func (p *Progress) Count(done, expected int, things string) {
	p.done.Store(fmt.Sprintf("  %d of %d %s", done, max(done, expected), things))
}

// Close removes the bar.
func (p *Progress) Close() {
	if p.bars != nil {
		p.bar.Abort(true)
		p.bars.Wait()
		p.bars = nil
	}
}
