package faultwalk

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func read(t *testing.T, text string) *Report {
	t.Helper()
	var r Report
	if err := r.parse(text); err != nil {
		t.Fatal(err)
	}
	return &r
}

func TestErrorsAreWhatIsNotUsual(t *testing.T) {
	usual := read(t, "call kmalloc 12 a.c:1\ncheck\nheld memory of kmalloc at a.c:1\n")
	r := read(t, "call kmalloc 12 a.c:1\ncall kfree_x 14 f+0x1/0x2\nfailed 2\nbad the mutex is locked\n"+
		"check\nheld memory of kmalloc at a.c:9\n"+ // released until the next check
		"check\nheld memory of kmalloc at a.c:1\nheld memory of kmalloc at a.c:1\nheld memory of kmalloc at a.c:1\n"+
		"left misc device of misc_register at a.c:3\n")
	if call, ok := r.FailedCall(); !ok || call != (Call{"kfree_x", "f+0x1/0x2", unix.EFAULT}) {
		t.Errorf("the call that failed: got %+v, %v", call, ok)
	}
	want := []string{
		"memory of kmalloc at a.c:1 is still held, 2 times",
		"misc device of misc_register at a.c:3 was still held when the module was unloaded",
		"the mutex is locked",
	}
	if got := r.Errors(usual); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := usual.Errors(usual); len(got) > 0 {
		t.Errorf("the usual report has the errors %q", got)
	}
}

func TestCallIsPartOfAName(t *testing.T) {
	if got, want := (Call{Function: "kmalloc", Place: "f+0x1/0x2 [m]"}).Name(), "kmalloc_f+0x1_0x2_[m]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLinesThatAreNotValid(t *testing.T) {
	for _, line := range []string{"unknown", "call kmalloc", "call kmalloc x a.c:1", "failed", "failed 0"} {
		var r Report
		if err := r.parse(line + "\n"); err == nil {
			t.Errorf("%q: no error", line)
		}
	}
}

// A report may say that a call failed that it had no room for.
func TestFailedCallMayBeMissing(t *testing.T) {
	r := read(t, "failed 3\nfull\n")
	if call, ok := r.FailedCall(); ok || !r.Full {
		t.Errorf("got %+v, %v", call, ok)
	}
}
