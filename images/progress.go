package images

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// progress says what is being done: in lines, and on a terminal with a bar below the last one.
type progress struct {
	out  io.Writer
	bars *mpb.Progress // nil when out is no terminal, or the work is over
	bar  *mpb.Bar
	done atomic.Value // a string: how much, in words, beside the bar
}

func newProgress(out io.Writer) *progress {
	p := &progress{out: out}
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		p.bars = mpb.New(mpb.WithOutput(file), mpb.WithWidth(48))
		words := decor.Any(func(decor.Statistics) string { text, _ := p.done.Load().(string); return text })
		p.bar = p.bars.AddBar(100, mpb.AppendDecorators(decor.Percentage(), words))
	}
	return p
}

// line prints a line. That it cannot be printed is no reason to stop the work.
func (p *progress) line(format string, args ...any) {
	out := p.out
	if p.bars != nil {
		out = p.bars // prints above the bar
	}
	_, _ = fmt.Fprintf(out, "kmodtest: "+format+"\n", args...)
}

// part returns the function that moves the bar while one part of the work goes from 0 to 100 percent, in which all of it goes
// from one percentage to another.
func (p *progress) part(from, to float64) func(percent float64) {
	return func(percent float64) {
		if p.bars != nil {
			// A bar that has reached its total can not be removed any more.
			p.bar.SetCurrent(min(99, int64(from+(to-from)*percent/100)))
		}
	}
}

// count says beside the bar how many of how many things are done.
func (p *progress) count(done, expected int, things string) {
	p.done.Store(fmt.Sprintf("  %d of %d %s", done, max(done, expected), things))
}

// close removes the bar.
func (p *progress) close() {
	if p.bars != nil {
		p.bar.Abort(true)
		p.bars.Wait()
		p.bars = nil
	}
}
