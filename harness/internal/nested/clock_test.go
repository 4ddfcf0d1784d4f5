//go:build kvm

package nested

import (
	"regexp"
	"testing"
	"time"
)

// clock returns the time that an inner guest has printed.
func (r result) clock(t *testing.T) time.Time {
	t.Helper()
	found := regexp.MustCompile(`(?m)^time is (\S+)$`).FindStringSubmatch(r.stdout)
	if found == nil {
		t.Fatalf("the guest has not printed its time:\n%s", r.stdout)
	}
	at, err := time.Parse(time.RFC3339Nano, found[1])
	if err != nil {
		t.Fatal(err)
	}
	return at
}
