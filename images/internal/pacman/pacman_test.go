package pacman

import (
	"strings"
	"testing"
)

func TestDescriptionIsParsed(t *testing.T) {
	sum := strings.Repeat("a", 64)
	text := "%FILENAME%\nlinux-6.18-1-x86_64.pkg.tar.zst\n\n%NAME%\nlinux\n\n%VERSION%\n6.18-1\n\n%SHA256SUM%\n" + sum +
		"\n\n%DEPENDS%\ncoreutils\nkmod>=27\n\n%PROVIDES%\nKSMBD-MODULE\nlibx.so=1-64\n\n"
	p, err := parseDescription(text, "http://example.com/core/")
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != "linux" || p.Version != "6.18-1" || p.URL != "http://example.com/core/linux-6.18-1-x86_64.pkg.tar.zst" || p.SHA256 != sum {
		t.Errorf("got %+v", p)
	}
	if got := strings.Join(p.Depends, " "); got != "coreutils kmod" {
		t.Errorf("it depends on %s", got)
	}
	if got := strings.Join(p.Provides, " "); got != "KSMBD-MODULE libx.so" {
		t.Errorf("it provides %s", got)
	}
	for bad, want := range map[string]string{
		strings.Replace(text, "linux-6.18-1-x86", "../linux", 1): "not in the repository",
		strings.Replace(text, "%NAME%\nlinux", "%NAME%", 1):      "no name",
		strings.Replace(text, sum, "", 1):                        "no SHA-256",
	} {
		if _, err := parseDescription(bad, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error that contains %q", err, want)
		}
	}
}

func TestClosureFollowsDependencies(t *testing.T) {
	all := []Package{
		{Name: "gcc", Depends: []string{"libc.so", "binutils"}},
		{Name: "musl-compat", Provides: []string{"libc.so", "binutils"}},
		{Name: "glibc", Provides: []string{"libc.so"}},
		{Name: "binutils", Depends: []string{"gcc"}},
		{Name: "unneeded"},
	}
	chosen, err := Closure(all, []string{"glibc", "gcc", "gcc"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range chosen {
		names = append(names, p.Name)
	}
	if got := strings.Join(names, " "); got != "binutils gcc glibc" {
		t.Errorf("got %s", got)
	}
	_, err = Closure(append(all, Package{Name: "make", Depends: []string{"guile"}}), []string{"make"})
	if err == nil || err.Error() != "no package has guile, which make requires" {
		t.Errorf("got %v", err)
	}
}
