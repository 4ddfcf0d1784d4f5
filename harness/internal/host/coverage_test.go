package host

import (
	"os"
	"path/filepath"
	"testing"
)

func TestProfilesAddUp(t *testing.T) {
	for mode, want := range map[string]string{
		"set":    "mode: set\na b.go:1.2,3.4 2 1\nc.go:5.6,7.8 6 0\nd.go:1.1,2.2 2 1\n",
		"atomic": "mode: atomic\na b.go:1.2,3.4 2 2\nc.go:5.6,7.8 6 0\nd.go:1.1,2.2 2 1\n",
	} {
		var profiles []profile
		for _, text := range []string{
			"a b.go:1.2,3.4 2 1\nc.go:5.6,7.8 6 0\n",
			"a b.go:1.2,3.4 2 1\nd.go:1.1,2.2 2 1\n",
		} {
			profiles = append(profiles, profile{text: []byte("mode: " + mode + "\n" + text)})
		}
		c, err := mergeProfiles(append(profiles, profile{}))
		if err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(t.TempDir(), "out")
		if err := c.write(out); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(out); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", mode, got, err, want)
		}
		if got := c.percent(); got != 40 {
			t.Errorf("%s: %v percent, want 40", mode, got)
		}
	}
}

func TestBrokenProfileIsAnError(t *testing.T) {
	for _, line := range []string{"x", "a.go:1.2,3.4 x 1", "a.go:1.2,3.4 1 x"} {
		if _, err := mergeProfiles([]profile{{"TestX", []byte("mode: set\n" + line + "\n")}}); err == nil {
			t.Errorf("a profile with the line %q is read without an error", line)
		}
	}
}
