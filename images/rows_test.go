package images

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestTableHasTheKernelsOfTheMatrix(t *testing.T) {
	for _, name := range []string{"5.10", "6.1", "6.12"} {
		if !slices.Contains(Names(), name) {
			t.Errorf("there is no kernel %s", name)
		}
	}
	for _, row := range Rows() {
		if row.About == "" || row.Download == 0 {
			t.Errorf("kernel %s has no description or size", row.Name)
		}
	}
}

func TestEmptyNameIsDefault(t *testing.T) {
	row, err := findRow(Rows(), "")
	if err != nil || row.Name != "6.1" || !row.Default {
		t.Fatalf("got %+v, %v", row, err)
	}
}

func TestRowsCannotBeChanged(t *testing.T) {
	Rows()[0].Name = "changed"
	if Names()[0] == "changed" {
		t.Fatal("a caller changed the table")
	}
}

func TestUnknownNameListsNamesAndPaths(t *testing.T) {
	_, err := Resolve(t.Context(), "4.9", Options{Cache: t.TempDir()})
	var unknown *UnknownKernelError
	if !errors.As(err, &unknown) {
		t.Fatalf("got %v, want *UnknownKernelError", err)
	}
	if unknown.Name != "4.9" || !slices.Equal(unknown.Names, Names()) {
		t.Errorf("got %+v", unknown)
	}
	for _, word := range []string{`"4.9"`, "5.10, 6.1, 6.12", "path"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("got error %q, want it to contain %s", err, word)
		}
	}
}

func TestParseRowsRefuses(t *testing.T) {
	const good = "[[kernel]]\nname='a'\ndefault=true\narch='amd64'\n[kernel.apt]\nsuite='s'\nimage='i'\n"
	if _, err := parseRows([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{
		"unknown field":  strings.Replace(good, "suite", "sweet", 1),
		"duplicate name": good + strings.Replace(good, "default=true", "", 1),
		"two defaults":   good + strings.Replace(good, "'a'", "'b'", 1),
		"no origin":      "[[kernel]]\nname='a'\ndefault=true\narch='amd64'\n",
		"a path":         strings.Replace(good, "'a'", "'a/b'", 1),
		"no name":        strings.Replace(good, "'a'", "''", 1),
		"a flag":         strings.Replace(good, "'a'", "'-a'", 1),
		"no image":       strings.Replace(good, "image='i'", "", 1),
		"not TOML":       "[[kernel",
	} {
		if _, err := parseRows([]byte(text)); err == nil {
			t.Errorf("%s was accepted", what)
		}
	}
}

func TestOneRowIsTheDefault(t *testing.T) {
	if defaults := slices.DeleteFunc(Rows(), func(r Row) bool { return !r.Default }); len(defaults) != 1 {
		t.Errorf("got defaults %q, want one", namesOf(defaults))
	}
}
