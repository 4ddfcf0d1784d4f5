package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// row is what was measured of one thing.
type row struct {
	name  string
	times []time.Duration // one a round
}

// spread are the quartiles of a row's rounds.
type spread struct{ low, median, high float64 }

// quartiles of a list that is not empty.
func quartiles(values []float64) spread {
	sorted := slices.Sorted(slices.Values(values))
	at := func(q float64) float64 {
		pos := q * float64(len(sorted)-1)
		i := int(pos)
		if i+1 == len(sorted) {
			return sorted[i]
		}
		return sorted[i] + (pos-float64(i))*(sorted[i+1]-sorted[i])
	}
	return spread{at(0.25), at(0.5), at(0.75)}
}

// ratios are a row's times over those of another, round by round: what slowed
// the machine in a round slowed both.
func (r row) ratios(base row) []float64 {
	var out []float64
	for i, t := range r.times {
		out = append(out, t.Seconds()/base.times[i].Seconds())
	}
	return out
}

// write prints the rows as a table, with ratios to the first row.
func write(w io.Writer, rows []row) error {
	var text strings.Builder
	text.WriteString("what\tseconds (median)\tratio to bare boot\tquartiles of the ratio\n")
	for _, r := range rows {
		var seconds []float64
		for _, t := range r.times {
			seconds = append(seconds, t.Seconds())
		}
		q := quartiles(r.ratios(rows[0]))
		fmt.Fprintf(&text, "%s\t%.3f\t%.2f\t%.2f to %.2f\n", r.name, quartiles(seconds).median, q.median, q.low, q.high)
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if _, err := io.WriteString(tw, text.String()); err != nil {
		return err
	}
	return tw.Flush()
}
