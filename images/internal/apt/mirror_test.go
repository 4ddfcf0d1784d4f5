package apt

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// targets returns recorded output of apt-get indextargets: NAME.fetched, or NAME.configured with
// --no-release-info.
func targets(t *testing.T, name string) []byte {
	t.Helper()
	if name == "" {
		return nil
	}
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestChooseMirror(t *testing.T) {
	for _, test := range []struct {
		what                string
		fetched, configured string
		onDebian            bool
		want                string
	}{
		{"Debian's archive, not the one for security updates", "debian.fetched", "debian.configured", true, "http://mirror.example/debian"},
		{"a derivative of Debian that uses Debian's archive", "debian.fetched", "debian.configured", false, "http://mirror.example/debian"},
		{"a fresh container, nothing fetched", "", "debian.configured", true, "http://mirror.example/debian"},
		{"nothing fetched and not Debian", "", "ubuntu.configured", false, ""},
		{"another system's archive", "ubuntu.fetched", "ubuntu.configured", false, ""},
		{"on Debian, but only with the archive of another system", "ubuntu.fetched", "ubuntu.configured", true, ""},
		{"nothing configured", "", "", true, ""},
	} {
		got, err := chooseMirror(targets(t, test.fetched), targets(t, test.configured), test.onDebian)
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.what, got, test.want)
		}
		if (test.want == "") != errors.Is(err, ErrNoMirror) {
			t.Errorf("%s: got error %v", test.what, err)
		}
	}
}

func TestIsDebian(t *testing.T) {
	for text, want := range map[string]bool{
		"NAME=\"Debian GNU/Linux\"\nID=debian\n": true,
		"ID=\"debian\"\n":                        true,
		"ID=ubuntu\nID_LIKE=debian\n":            false,
		"ID_LIKE=debian\n":                       false,
		"":                                       false,
	} {
		if got := isDebian([]byte(text)); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}
