package pid1

import (
	"slices"
	"testing"
)

func TestTaintHasNewFaultsOnly(t *testing.T) {
	const outOfTree, unsigned, warning, died = 1 << 12, 1 << 13, 1 << 9, 1 << 7
	for _, c := range []struct {
		before, after taint
		want          []string
	}{
		{0, 0, nil},
		{0, outOfTree | unsigned, nil},
		{outOfTree, outOfTree | warning, []string{"warning (W)"}},
		{warning, warning, nil},
		{warning, warning | died, []string{"oops or BUG (D)"}},
	} {
		if got := c.after.since(c.before); !slices.Equal(got, c.want) {
			t.Errorf("taint %#x after %#x: %q, want %q", c.after, c.before, got, c.want)
		}
	}
}
