// Package plain has a test that does not need a machine.
package plain

import "testing"

func TestAdds(t *testing.T) {
	if 1+1 != 2 {
		t.Error("1+1 is not 2")
	}
}
