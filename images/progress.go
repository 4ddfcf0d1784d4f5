package images

import (
	"fmt"
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress says what is being done: in lines, and on a terminal with a bar below the last one.
type progress struct {
	out io.Writer
	bar *progressbar.ProgressBar // nil when out is no terminal, or the work is over
}

func newProgress(out io.Writer) *progress {
	p := &progress{out: out}
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		p.bar = progressbar.NewOptions(100,
			progressbar.OptionSetWriter(file),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetWidth(40),
			progressbar.OptionClearOnFinish(),
		)
	}
	return p
}

// line prints a line. That it cannot be printed is no reason to stop the work.
func (p *progress) line(format string, args ...any) {
	_, _ = fmt.Fprintf(p.out, "kmodtest: "+format+"\n", args...)
}

// part returns the function that moves the bar while one part of the work goes from 0 to 100 percent, in which all of it goes
// from one percentage to another.
func (p *progress) part(from, to float64) func(percent float64) {
	return func(percent float64) {
		if p.bar != nil {
			_ = p.bar.Set(int(from + (to-from)*percent/100)) // a bar only fails to be drawn
		}
	}
}

// close removes the bar.
func (p *progress) close() {
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
}
