package bench

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
	rows := []row{{"bare", []float64{1, 2}}, {"twice", []float64{2, 4}}}
	var b strings.Builder
	if err := writeTimes(&b, rows); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if got, want := lines[len(lines)-1], "| twice | 2.000 | 2.000 to 2.000 | 3.000 |"; got != want {
		t.Errorf("the last line is %q, want %q", got, want)
	}
}

func TestReplaceKeepsRestOfDocument(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doc.md")
	if err := os.WriteFile(path, []byte("before\n"+beginMark+"old\n"+endMark+"after\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, []byte("new\n")); err != nil {
		t.Fatal(err)
	}
	want := "before\n" + beginMark + "new\n" + endMark + "after\n"
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if err := os.WriteFile(path, []byte("nothing\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, []byte("new\n")); err == nil {
		t.Error("a document without marks is not an error")
	}
}
