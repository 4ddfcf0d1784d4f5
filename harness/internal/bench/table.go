package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// row is a row of the table with its results.
type row struct {
	name    string
	seconds []float64 // one for each round
}

// spread has the quartiles of a row.
type spread struct{ low, median, high float64 }

// quartiles returns the quartiles of a list that is not empty.
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

// ratios returns a row's times divided by those of another, round by round: if the
// host was slow in a round, it was slow for both.
func (r row) ratios(base row) []float64 {
	var out []float64
	for i, t := range r.seconds {
		out = append(out, t/base.seconds[i])
	}
	return out
}

// writeTimes writes the rows as a table, with ratios to the first row.
func writeTimes(w io.Writer, rows []row) error {
	var text strings.Builder
	text.WriteString("| what | ratio to a bare boot | quartiles | seconds |\n|---|---:|---:|---:|\n")
	for _, r := range rows {
		q := quartiles(r.ratios(rows[0]))
		fmt.Fprintf(&text, "| %s | %.3f | %.3f to %.3f | %.3f |\n", r.name, q.median, q.low, q.high, quartiles(r.seconds).median)
	}
	_, err := io.WriteString(w, text.String())
	return err
}
