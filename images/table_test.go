package images

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/images/internal/files/filestest"
)

const someRow = "[[kernel]]\nname='NAME'\n[kernel.source]\nurl='http://localhost/a.tar'\n" +
	"sha256='0123456789012345678901234567890123456789012345678901234567890123'\nfragments=['base.config']\n"

func row(name string) string { return strings.Replace(someRow, "NAME", name, 1) }

func TestTableInModuleAddsRows(t *testing.T) {
	project := filestest.Tree(t, map[string]string{
		"go.mod":            "module example.com/project\n",
		"kernels.toml":      row("mine") + strings.Replace(row("6.1"), "[kernel.source]", "about='theirs'\n[kernel.source]", 1),
		"deep/down/x_test":  "",
		"other/go.mod":      "module example.com/other\n",
		"other/inside/file": "",
	})
	rows, err := RowsFor(filepath.Join(project, "deep/down"))
	if err != nil {
		t.Fatal(err)
	}
	want := slices.DeleteFunc(append(Names(), "mine"), func(name string) bool { return strings.HasPrefix(name, "6.1@") })
	if !slices.Equal(namesOf(rows), want) {
		t.Errorf("got %q, want %q", namesOf(rows), want)
	}
	theirs, err := findRow(rows, "")
	if err != nil || theirs.Name != "6.1" || theirs.About != "theirs" || theirs.Apt != nil || theirs.Table != filepath.Join(project, "kernels.toml") {
		t.Errorf("the default is %+v, %v, want the user's row, which replaces kmodtest's", theirs, err)
	}
	if rows, err := RowsFor(filepath.Join(project, "other/inside")); err != nil || !slices.Equal(namesOf(rows), Names()) {
		t.Errorf("in a module without a table: %q, %v", namesOf(rows), err)
	}
}

func TestUsersDefaultReplacesOwn(t *testing.T) {
	table := strings.Replace(row("mine"), "[kernel.source]", "default=true\n[kernel.source]", 1)
	rows, err := RowsFor(filestest.Tree(t, map[string]string{"go.mod": "", "kernels.toml": table}))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := findRow(rows, ""); err != nil || got.Name != "mine" {
		t.Errorf("got %+v, %v", got, err)
	}
	if defaults := slices.DeleteFunc(rows, func(r Row) bool { return !r.Default }); len(defaults) != 1 {
		t.Errorf("got defaults %q, want one", namesOf(defaults))
	}
}

func TestInvalidTableIsNamed(t *testing.T) {
	for what, test := range map[string]struct{ table, says string }{
		"field":      {strings.Replace(row("a"), "url", "uri", 1), "uri"},
		"sum":        {strings.Replace(row("a"), "sha256='0", "sha256='x", 1), "64 hex digits"},
		"two places": {row("a") + "path='..'\n", "requires one of"},
		"fragments":  {strings.Replace(row("a"), "['base.config']", "[]", 1), "names no fragments"},
		"a ref":      {row("a") + "ref='v6.6'\n", "ref only with path"},
		"no origin":  {"[[kernel]]\nname='a'\n", "requires one of"},
		"both":       {row("a") + "[kernel.apt]\nsuite='s'\nimage='i'\n", "requires one of"},
		"machine":    {strings.Replace(row("a"), "name=", "arch='amd64 mips'\nname=", 1), "no architecture \"mips\""},
	} {
		dir := filestest.Tree(t, map[string]string{"go.mod": "", "kernels.toml": test.table})
		_, err := Resolve(t.Context(), "6.1", Options{Dir: dir, Cache: t.TempDir()})
		if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "kernels.toml")) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: got %v, want the table's path and %q", what, err, test.says)
		}
	}
}

func TestKeyChangesWithFragments(t *testing.T) {
	dir := filestest.Tree(t, map[string]string{"kernels.toml": "", "own/a.config": "CONFIG_A=y\n"})
	r := Row{Table: filepath.Join(dir, "kernels.toml"), Source: &Source{Fragments: []string{"base.config", "own/a.config"}}}
	before, err := r.key(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	filestest.Add(t, dir, map[string]string{"own/a.config": "CONFIG_A=m\n"})
	if after, err := r.key(t.Context()); err != nil || after == before {
		t.Errorf("a changed fragment does not change the key: %v", err)
	}
	filestest.Add(t, dir, map[string]string{"own/a.config": "# why\nCONFIG_A=y\n"})
	if after, err := r.key(t.Context()); err != nil || after != before {
		t.Errorf("a changed comment changes the key: %v", err)
	}
}

func TestUnknownNameListsUsersKernels(t *testing.T) {
	dir := filestest.Tree(t, map[string]string{"go.mod": "", "kernels.toml": row("mine")})
	_, err := Resolve(t.Context(), "4.9", Options{Dir: dir, Cache: t.TempDir()})
	var unknown *UnknownKernelError
	if !errors.As(err, &unknown) || !slices.Contains(unknown.Names, "mine") {
		t.Errorf("got %v", err)
	}
}

func TestUsersRowReplacesThoseOfAllArchitectures(t *testing.T) {
	table := strings.Replace(row("6.1"), "name=", "arch='s390x riscv64'\nname=", 1) + row("mine")
	rows, err := RowsFor(filestest.Tree(t, map[string]string{"go.mod": "", "kernels.toml": table}))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rows {
		if r.base() == "6.1" || r.base() == "mine" {
			got = append(got, r.Arch+" "+filepath.Base(r.Table))
		}
	}
	if want := []string{"riscv64 kernels.toml", "s390x kernels.toml", "amd64 kernels.toml"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
