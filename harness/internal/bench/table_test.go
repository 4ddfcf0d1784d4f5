package bench

import (
	"strings"
	"testing"
	"time"
)

func TestQuartiles(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want spread
	}{
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{4, 1, 2, 3, 5}, spread{2, 3, 4}},
		{[]float64{2, 1}, spread{1.25, 1.5, 1.75}},
	} {
		if got := quartiles(c.in); got != c.want {
			t.Errorf("quartiles of %v: %v, want %v", c.in, got, c.want)
		}
	}
}

func TestTableHoldsRatiosOfRounds(t *testing.T) {
	rows := []row{
		{"bare", []time.Duration{time.Second, 2 * time.Second}},
		{"twice", []time.Duration{2 * time.Second, 4 * time.Second}},
	}
	var b strings.Builder
	if err := write(&b, rows); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if got, want := strings.Join(strings.Fields(lines[len(lines)-1]), " "), "twice 3.000 2.00 2.00 to 2.00"; got != want {
		t.Errorf("the last line is %q, want %q", got, want)
	}
}
