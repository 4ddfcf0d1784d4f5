package apt

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
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

// files are debootstrap's files, shortened.
func files(program, script string) fstest.MapFS {
	return fstest.MapFS{
		"usr/sbin/debootstrap":                      {Data: []byte(program)},
		"usr/share/debootstrap/scripts/sid":         {Data: []byte(script)},
		"usr/share/debootstrap/scripts/bookworm":    {Data: []byte("sid"), Mode: fs.ModeSymlink},
		"usr/share/debootstrap/scripts/old-one":     {Data: []byte("default_mirror http://ended.example/debian/\nkeyring /usr/share/keyrings/debian-archive-removed-keys.gpg\n")},
		"usr/share/debootstrap/scripts/older-one":   {Data: []byte("default_mirror http://ended.example/debian\nkeyring /usr/share/keyrings/debian-archive-removed-keys.gpg\n")},
		"usr/share/debootstrap/scripts/derivative":  {Data: []byte("default_mirror http://other.example/other\nkeyring /usr/share/keyrings/other-archive-keyring.gpg\n")},
		"usr/share/debootstrap/scripts/no-keyring":  {Data: []byte("default_mirror http://old.example/other\n")},
		"usr/share/debootstrap/scripts/conditional": {Data: []byte("case $ARCH in\n  amd64) default_mirror http://other.example/debian ;;\nesac\n")},
	}
}

const sid = "mirror_style release\nkeyring /usr/share/keyrings/debian-archive-keyring.gpg\n"

func TestDebootstrapKnowsMirrors(t *testing.T) {
	const program = "#!/bin/sh\nDEF_MIRROR=\"http://mirror.example/debian\"\nDEF_HTTPS_MIRROR=\"https://secure.example/debian\"\n"
	for _, test := range []struct {
		what, program, script, want string
	}{
		{"the program's mirror", program, sid, "http://mirror.example/debian"},
		{"a mirror with a slash, without quotes", "DEF_MIRROR=https://mirror.example/debian/\n", sid, "https://mirror.example/debian"},
		{"the mirror of the suites' script", program, sid + "default_mirror https://sid.example/debian\n", "https://sid.example/debian"},
		{"a variable", "DEF_MIRROR=\"$OTHER\"\nDEF_MIRROR=\"http://$HOST/debian\"\n", sid, ""},
		{"an option that could be one of apt's", "DEF_MIRROR=\"http://a.example/debian] x\"\n", sid, ""},
	} {
		got, err := readDebootstrap(files(test.program, test.script))
		if err != nil || got.current != test.want || !slices.Equal(got.ended, []string{"http://ended.example/debian"}) {
			t.Errorf("%s: got %+v, %v; want %q", test.what, got, err, test.want)
		}
	}
	if got, err := readDebootstrap(fstest.MapFS{}); err != nil || got.current != "" || got.ended != nil {
		t.Errorf("without debootstrap: got %+v, %v", got, err)
	}
}

// TestInstalledDebootstrapKnowsMirrors reads the package of this system.
func TestInstalledDebootstrapKnowsMirrors(t *testing.T) {
	got, err := readDebootstrap(os.DirFS("/"))
	if err != nil || got.current == "" || len(got.ended) != 1 || got.ended[0] == got.current {
		t.Errorf("got %+v, %v; want a mirror, and an archive of ended suites", got, err)
	}
}

func TestMirrorsWithoutDebianInAptsConfiguration(t *testing.T) {
	config := filepath.Join(t.TempDir(), "apt.conf")
	if err := os.WriteFile(config, []byte("Dir::Etc::sourcelist \"/dev/null\"; Dir::Etc::sourceparts \"/dev/null\";\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("APT_CONFIG", config)
	got, err := mirrors(t.Context(), files("DEF_MIRROR=\"http://mirror.example/debian\"\n", sid))
	if want := []string{"http://mirror.example/debian", "http://ended.example/debian"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	_, err = mirrors(t.Context(), fstest.MapFS{})
	if !errors.Is(err, ErrNoMirror) || !strings.Contains(err.Error(), "apt-get install debootstrap debian-archive-keyring") ||
		!strings.Contains(err.Error(), "KMODTEST_MIRROR") {
		t.Errorf("got %v, want ErrNoMirror with the packages to install and the variable to set", err)
	}
}

// Lists that are no longer valid, and keys that Debian no longer uses, are accepted only from further mirrors.
func TestOnlyFurtherMirrorsMayBeOld(t *testing.T) {
	a := Archive{Suite: "bullseye", Architecture: "amd64"}
	for _, ended := range []bool{false, true} {
		line, err := a.source("http://mirror.example/debian", ended)
		if err != nil || strings.Contains(line, "check-valid-until=no") != ended || strings.Contains(line, "removed-keys") != ended {
			t.Errorf("ended %v: got %q, %v", ended, line, err)
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
