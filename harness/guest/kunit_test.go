package guest_test

import (
	"testing"

	"github.com/kmodtest/kmodtest/harness/guest"
)

func TestPatternOfRunSelectsCases(t *testing.T) {
	for _, c := range []struct {
		run   string
		depth int
		want  string
	}{
		{"", 1, ""},
		{"TestSuites", 1, ""},
		{"TestSuites/list", 1, "*list*.*"},
		{"TestSuites/^list$/^add$", 1, "list.add"},
		{"TestSuites/^list/add$", 1, "list*.*add"},
		{"TestSuites/^list$/^add$/^param 3$", 1, "list.add"},
		{"TestSuites/big/^list$", 2, "list.*"},
		{"TestSuites/list/a.b", 1, ""},
		{"TestSuites/list|TestOther", 1, ""},
	} {
		if got := guest.GlobOf(c.run, c.depth); got != c.want {
			t.Errorf("-run %s: got %q, want %q", c.run, got, c.want)
		}
	}
}
