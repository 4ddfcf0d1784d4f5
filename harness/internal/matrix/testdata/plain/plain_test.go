// Package plain holds a test that needs no machine.
package plain

import "testing"

func TestAdds(t *testing.T) {
	if 1+1 != 2 {
		t.Error("it does not")
	}
}
