package qemu

import (
	"strings"
	"testing"
)

func TestEndOfMessagesIsKept(t *testing.T) {
	t.Parallel()
	var l lastBytes
	if _, err := l.Write([]byte("one warning")); err != nil || l.String() != "one warning" {
		t.Errorf("%q, %v", l.String(), err)
	}
	for range 10_000 {
		if _, err := l.Write([]byte(strings.Repeat("x", 1000))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Write([]byte("the end")); err != nil {
		t.Fatal(err)
	}
	if text := l.String(); !strings.HasSuffix(text, "xthe end") || !strings.HasPrefix(text, "(earlier messages") || len(text) > maxSaid+100 {
		t.Errorf("%d bytes: %.100q", len(text), text)
	}
	if cap(l.text) > 4*maxSaid {
		t.Errorf("it takes %d bytes", cap(l.text))
	}
}
