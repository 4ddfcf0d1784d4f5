package attach

import (
	"bytes"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

func TestEscapeIsThreeKeysWithinASecond(t *testing.T) {
	type input struct {
		text  string
		after time.Duration // the input before it
	}
	for name, c := range map[string]struct {
		inputs []input
		want   bool
	}{
		"at once":              {[]input{{"\x1d\x1d\x1d", 0}}, true},
		"one by one":           {[]input{{"\x1d", 0}, {"\x1d", 400 * time.Millisecond}, {"\x1d", 400 * time.Millisecond}}, true},
		"slowly":               {[]input{{"\x1d", 0}, {"\x1d", 600 * time.Millisecond}, {"\x1d", 600 * time.Millisecond}}, false},
		"the last three count": {[]input{{"\x1d", 0}, {"\x1d", time.Hour}, {"\x1d\x1d", time.Millisecond}}, true},
		"another key between":  {[]input{{"\x1d\x1dx\x1d", 0}}, false},
		"two":                  {[]input{{"x\x1d\x1d", 0}}, false},
	} {
		var e escape
		now, got := time.Unix(0, 0), false
		for _, in := range c.inputs {
			now = now.Add(in.after)
			got = e.pressed([]byte(in.text), now)
		}
		if got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestGuestCannotTakeInputThatWasNotSent(t *testing.T) {
	a := New()
	var garbled *wire.GarbledError
	if err := a.Taken(); !errors.As(err, &garbled) {
		t.Errorf("taken before input: %v, want a GarbledError", err)
	}
	a.sent.Store(true)
	if err := a.Taken(); err != nil {
		t.Errorf("taken after input: %v", err)
	}
	if err := a.Taken(); !errors.As(err, &garbled) {
		t.Errorf("taken twice: %v, want a GarbledError", err)
	}
}

func TestMessagesBeginAtTheLeftInRawMode(t *testing.T) {
	var out bytes.Buffer
	var raw atomic.Bool
	w := &rawLines{w: &out, raw: &raw}
	for _, mode := range []bool{false, true} {
		raw.Store(mode)
		if n, err := w.Write([]byte("a\nb\n")); n != 4 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	if got, want := out.String(), "a\nb\n"+strings.ReplaceAll("a\nb\n", "\n", "\r\n"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
