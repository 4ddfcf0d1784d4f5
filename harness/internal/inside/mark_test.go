package inside

import (
	"strings"
	"testing"
)

func TestMarkedNamesOfLongTestsDiffer(t *testing.T) {
	short := strings.Repeat("n", maxMarkedName)
	if got := MarkedName(short); got != short {
		t.Errorf("a name of %d bytes became %q", len(short), got)
	}
	a, b := MarkedName(short+"a"), MarkedName(short+"b")
	if a == b || len(a) > maxMarkedName+17 || !strings.HasPrefix(a, short+"~") {
		t.Errorf("two long names became %q and %q", a, b)
	}
}
