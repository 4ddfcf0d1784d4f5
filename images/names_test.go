package images

import (
	"errors"
	"slices"
	"testing"

	"github.com/kmodtest/kmodtest/images/arch"
)

// other is an architecture that is not the host's.
func other() string {
	for _, name := range arch.Names() {
		if name != arch.Host().Name {
			return name
		}
	}
	return ""
}

func TestNamesOfOtherArchitecturesHaveThem(t *testing.T) {
	host, far := arch.Host().Name, other()
	for _, test := range [][3]string{
		{"6.1", far, "6.1@" + far},
		{"", far, "@" + far},
		{"6.1", "", "6.1"},
		{"6.1", host, "6.1"},
		{"6.1@" + host, far, "6.1@" + host},
		{"./tree", far, "./tree"},
		{"/a@b/tree", far, "/a@b/tree"},
	} {
		if got := WithArch(test[0], test[1]); got != test[2] {
			t.Errorf("%q for %q: got %q, want %q", test[0], test[1], got, test[2])
		}
	}
	if row, goarch := SplitName("/a@b/tree"); row != "/a@b/tree" || goarch != "" {
		t.Errorf("a path was split into %q and %q", row, goarch)
	}
}

func TestPatternsWithoutArchitectureAreForTheHost(t *testing.T) {
	names := []string{"6.1", "6.1@" + other(), "6.12", "6.12@" + other()}
	for pattern, want := range map[string][]string{
		"6.*":                         {"6.1", "6.12"},
		"6.1*@*":                      names,
		"*@" + other():                {"6.1@" + other(), "6.12@" + other()},
		"6.1@" + arch.Host().Name:     {"6.1"},
		"6.1@" + other():              {"6.1@" + other()},
		"6.1*@" + arch.Host().Name:    {"6.1", "6.12"},
		"5.*@*":                       nil,
		"*@" + arch.Host().Name + "x": nil,
	} {
		var got []string
		for _, name := range names {
			if ok, err := MatchName(pattern, name); err != nil {
				t.Fatal(err)
			} else if ok {
				got = append(got, name)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", pattern, got, want)
		}
	}
}

func TestRowsAreFoundByArchitecture(t *testing.T) {
	rows, err := parseRows([]byte("[[kernel]]\nname='a'\ndefault=true\narch='amd64 arm64'\n[kernel.apt]\nsuite='s'\nimage='i'\n" +
		"[[kernel]]\nname='a'\narch='s390x'\n[kernel.apt]\nsuite='t'\nimage='i'\n[[kernel]]\nname='b'\n[kernel.apt]\nsuite='s'\nimage='i'\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, arch, suite string }{
		{"a@amd64", "amd64", "s"}, {"a@arm64", "arm64", "s"}, {"a@s390x", "s390x", "t"}, {"@arm64", "arm64", "s"}, {"@s390x", "s390x", "t"}, {"b@amd64", "amd64", "s"},
	} {
		row, err := findRow(rows, test.name)
		if err != nil || row.Arch != test.arch || row.Apt.Suite != test.suite || row.Name != WithArch(row.base(), row.Arch) {
			t.Errorf("%s: got %+v, %v", test.name, row, err)
		}
	}
	var unknown *UnknownKernelError
	if _, err := findRow(rows, "b@arm64"); !errors.As(err, &unknown) {
		t.Errorf("got %v", err)
	}
}
