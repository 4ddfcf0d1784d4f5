package modprobe

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCommandLinesAreRead(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]command{
		"-q -- a":             {quiet: true, names: []string{"a"}},
		"a x=1 y=2":           {names: []string{"a"}, params: []string{"x=1", "y=2"}},
		"-a a b":              {all: true, names: []string{"a", "b"}},
		"-rq a b":             {remove: true, quiet: true, names: []string{"a", "b"}},
		"--dry-run a":         {dry: true, names: []string{"a"}},
		"a -v":                {verbose: true, names: []string{"a"}},
		"-bis --first-time a": {first: true, names: []string{"a"}},
		"-- -a":               {names: []string{"-a"}},
	} {
		got, err := parseCommand(strings.Fields(line))
		if d := cmp.Diff(want, got, cmp.AllowUnexported(command{})); d != "" || err != nil {
			t.Errorf("%s: %v, -want +got:\n%s", line, err, d)
		}
	}
	for _, line := range []string{"", "-q", "-x a", "-qx a", "--what a"} {
		if c, err := parseCommand(strings.Fields(line)); err == nil {
			t.Errorf("%q: %+v, want an error", line, c)
		}
	}
}

func TestRequestsAreChecked(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", MaxName)
	for text, want := range map[string]Request{
		"ka": {ByKernel, "a"}, "p" + long: {ByProgram, long}, "n\x00": {NamesOnly, "\x00"},
	} {
		if got, err := ParseRequest([]byte(text)); err != nil || got != want {
			t.Errorf("%.20q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "k", "xa", "k" + long + "x"} {
		if got, err := ParseRequest([]byte(text)); err == nil {
			t.Errorf("%.20q: %+v, want an error", text, got)
		}
	}
}
