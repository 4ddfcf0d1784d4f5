package coverprofile

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestProfilesAddUp(t *testing.T) {
	for mode, want := range map[string]string{
		"set":    "mode: set\na b.go:1.2,3.4 2 1\nc.go:5.6,7.8 6 0\nd.go:1.1,2.2 2 1\n",
		"atomic": "mode: atomic\na b.go:1.2,3.4 2 2\nc.go:5.6,7.8 6 0\nd.go:1.1,2.2 2 1\n",
	} {
		var profiles []Profile
		for _, text := range []string{
			"a b.go:1.2,3.4 2 1\nc.go:5.6,7.8 6 0\n",
			"a b.go:1.2,3.4 2 1\nd.go:1.1,2.2 2 1\n",
		} {
			profiles = append(profiles, Profile{Text: []byte("mode: " + mode + "\n" + text)})
		}
		c, err := Merge(append(profiles, Profile{}))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(c.Bytes()); got != want {
			t.Errorf("%s: %q, want %q", mode, got, want)
		}
		if got := c.Percent(); got != 40 {
			t.Errorf("%s: %v percent, want 40", mode, got)
		}
	}
}

func TestBrokenProfileIsAnError(t *testing.T) {
	for _, line := range []string{"x", "a.go:1.2,3.4 x 1", "a.go:1.2,3.4 1 x"} {
		if _, err := Merge([]Profile{{"TestX", []byte("mode: set\n" + line + "\n")}}); err == nil {
			t.Errorf("a profile with the line %q is read without an error", line)
		}
	}
}

func TestProfilesAreLimited(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	for i := range maxBlocks + 1 {
		fmt.Fprintf(&b, "%d 1 1\n", i)
	}
	if _, err := Merge([]Profile{{Text: b.Bytes()}}); err == nil || !strings.Contains(err.Error(), "blocks") {
		t.Errorf("%d blocks: %v", maxBlocks+1, err)
	}
	if _, err := Merge([]Profile{{Text: bytes.Repeat([]byte("x"), 1<<20)}}); err == nil {
		t.Error("a line of a mebibyte: no error")
	}
}
