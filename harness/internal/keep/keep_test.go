package keep

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

func TestPatternsMatchFilesAndAllBelowThem(t *testing.T) {
	for _, test := range []struct {
		pattern, stem string
		yes, no       string
	}{
		{"/repo/out", "/repo", "/repo/out /repo/out/a /repo/out/b/c", "/repo/outer /repo /repo/a/out"},
		{"/repo/testdata/*.golden", "/repo/testdata", "/repo/testdata/a.golden /repo/testdata/b.golden/c", "/repo/testdata/a.txt /repo/testdata/sub/a.golden"},
		{"/repo/*/testdata/x?", "/repo", "/repo/p/testdata/x1", "/repo/testdata/x1 /repo/p/q/testdata/x1 /repo/p/testdata/x"},
		{`/var/log/[ab]\*`, "/var/log", "/var/log/a* /var/log/b*/c", "/var/log/ax /var/log/c*"},
		{"/file", "/", "/file", "/files"},
	} {
		if got := Stem(test.pattern); got != test.stem {
			t.Errorf("%s: stem %s, want %s", test.pattern, got, test.stem)
		}
		for name := range strings.FieldsSeq(test.yes) {
			if !Matches(test.pattern, name) || !leads(test.pattern, filepath.Dir(name)) {
				t.Errorf("%s does not match %s, or does not lead to it", test.pattern, name)
			}
		}
		for name := range strings.FieldsSeq(test.no) {
			if Matches(test.pattern, name) {
				t.Errorf("%s matches %s", test.pattern, name)
			}
		}
	}
	if leads("/repo/*/testdata", "/repo/p/src") || leads("/repo/out", "/other") {
		t.Error("a pattern leads to directories that cannot have its files")
	}
}

// guest has two files that did not change, one of them alone in a directory.
type guest struct{ asked []string }

func (*guest) Changed(name string, _ fs.FileInfo) bool { return !strings.Contains(name, "same") }

func (g *guest) Untouched(dir string) bool {
	g.asked = append(g.asked, dir)
	return filepath.Base(dir) == "untouched"
}

func TestChangedRegularFilesAreFound(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "dir")
	for _, name := range []string{"out/a", "out/sub/b", "out/same", "out/untouched/c", "out/.git/hooks/d", "other/e", "x.golden", "y.golden", "z.txt"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "out", "link")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dir, "out", "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, filepath.Join(top, "way")); err != nil {
		t.Fatal(err)
	}
	g := &guest{}
	got, problems := Find([]string{dir + "/out", dir + "/*.golden", dir + "/out/a", dir + "/none", "/none/such"}, g)
	want := []string{dir + "/out/a", dir + "/out/sub/b", dir + "/x.golden", dir + "/y.golden"}
	if !slices.Equal(got, want) || len(problems) > 0 {
		t.Errorf("found %q, %q; want %q", got, problems, want)
	}
	if slices.Contains(g.asked, dir+"/other") {
		t.Error("a directory was read that no pattern leads to")
	}
	way := filepath.Join(top, "way")
	if got, _ := Find([]string{way + "/*.golden"}, g); !slices.Equal(got, []string{way + "/x.golden", way + "/y.golden"}) {
		t.Errorf("by a link: found %q", got)
	}
}

// The host takes a file of such a name for invalid data, which ends the conversation.
func TestOddNamesAreProblemsOfTheirFiles(t *testing.T) {
	dir := t.TempDir()
	deep := filepath.Join(dir, strings.Repeat("x/", wire.MaxLevels+1))
	odd := filepath.Join(dir, "line\nbreak")
	for _, path := range []string{filepath.Join(deep, "a"), filepath.Join(odd, "b"), filepath.Join(dir, "c")} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	found, problems := Find([]string{dir + "/*"}, &guest{})
	if !slices.Equal(found, []string{filepath.Join(dir, "c")}) || len(problems) != 2 {
		t.Errorf("found %q, %q; want only c, and two problems", found, problems)
	}
}
