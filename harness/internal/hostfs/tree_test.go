package hostfs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// repositoryOf returns a tree that shows a directory "repo", beside which are files that
// it does not show.
func repositoryOf(t *testing.T) (tree Tree, repo string) {
	t.Helper()
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	repo = filepath.Join(top, "repo")
	for name, text := range map[string]string{"secret/key": "secret", "repo/a": "0123456789", "repo/sub/b": "b", "repo/.ssh/id": "secret", "repo2/c": "secret"} {
		if err := os.MkdirAll(filepath.Join(top, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(top, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"repo/out": "../secret", "repo/key": "../secret/key", "repo/absolute": filepath.Join(top, "secret"), "repo/in": "sub", "repo/proc": "/proc/self/environ",
	} {
		if err := os.Symlink(target, filepath.Join(top, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(repo, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	return Tree{View{Mode: Module, Repository: repo}}, repo
}

func TestNothingOutsideIsRead(t *testing.T) {
	tree, repo := repositoryOf(t)
	for _, name := range []string{
		"/etc/passwd", "/proc/self/environ", filepath.Dir(repo) + "/secret/key", filepath.Dir(repo) + "/repo2/c",
		repo + "/out/key", repo + "/absolute/key", repo + "/key", repo + "/proc", repo + "/in/b",
		repo + "/../secret/key", repo + "/sub/../../secret/key", repo + "/./a", repo + "//a", repo + "/a/", repo + "/a/.",
		repo + "/.ssh/id", repo + "/.ssh", repo + "/fifo", repo + "/absent", repo + "/a/b", "", ".", "a", "..",
	} {
		if b, err := tree.Read(name, 0, 100); err == nil {
			t.Errorf("read %q: %q", name, b)
		}
		if e, _, err := tree.List(name, ""); err == nil {
			t.Errorf("list %q: %v", name, e)
		}
		e, err := tree.Stat(name)
		isLink := slices.Contains([]string{"key", "proc"}, filepath.Base(name)) && filepath.Dir(name) == repo
		if (err == nil) != isLink {
			t.Errorf("attributes of %q: %+v, %v", name, e, err)
		}
	}
	for name, want := range map[string]string{repo + "/a": "0123456789", repo + "/sub/b": "b"} {
		if b, err := tree.Read(name, 0, 100); err != nil || string(b) != want {
			t.Errorf("read %q: %q, %v, want %q", name, b, err, want)
		}
	}
}

// A directory that becomes a link while a path is walked does not lead out.
func TestExchangedDirectoryDoesNotLeadOut(t *testing.T) {
	tree, repo := repositoryOf(t)
	dir, link := filepath.Join(repo, "moving"), filepath.Join(repo, "out")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 2000 {
			if err := unix.Renameat2(unix.AT_FDCWD, dir, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		if b, err := tree.Read(filepath.Join(dir, "key"), 0, 100); err == nil {
			t.Fatalf("read %q through a link", b)
		}
	}
}

func TestDirectoriesOnTheWayShowOnlyTheWay(t *testing.T) {
	tree, repo := repositoryOf(t)
	entries, more, err := tree.List(filepath.Dir(repo), "")
	if err != nil || more || len(entries) != 1 || entries[0].Name != "repo" {
		t.Errorf("%+v, %v, %v, want only repo", entries, more, err)
	}
	entries, _, err = tree.List(repo, "")
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
		if (e.Link != "") != (e.Mode&unix.S_IFMT == unix.S_IFLNK) {
			t.Errorf("%+v", e)
		}
	}
	if want := []string{"a", "absolute", "in", "key", "out", "proc", "sub"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("%q, %v, want %q", names, err, want)
	}
}

func TestFilesThatOthersCannotReadAreHidden(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func(trees []string) { guestTrees = trees }(guestTrees)
	guestTrees = nil // the test's directory may be in one
	for at := top; at != "/"; at = filepath.Dir(at) {
		if info, err := os.Stat(at); err != nil || info.Mode()&0o001 == 0 {
			if err := os.Chmod(at, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, mode := range map[string]os.FileMode{"open/yes": 0o644, "open/no": 0o640, "closed/yes": 0o644, "unlisted/yes": 0o644} {
		if err := os.MkdirAll(filepath.Join(top, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(top, name), []byte("x"), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod(filepath.Join(top, "closed"), 0o750), os.Chmod(filepath.Join(top, "unlisted"), 0o711)); err != nil {
		t.Fatal(err)
	}
	tree := Tree{View{Mode: All}}
	for name, want := range map[string]bool{"open/yes": true, "open/no": false, "closed/yes": false, "unlisted/yes": true} {
		if _, err := tree.Read(filepath.Join(top, name), 0, 1); (err == nil) != want {
			t.Errorf("%s: %v, want readable: %v", name, err, want)
		}
	}
	for dir, want := range map[string]int{"open": 1, "unlisted": 0} {
		if entries, _, err := tree.List(filepath.Join(top, dir), ""); err != nil || len(entries) != want {
			t.Errorf("%s: %+v, %v, want %d entries", dir, entries, err, want)
		}
	}
}

func TestPiecesAndPagesAreBounded(t *testing.T) {
	tree, repo := repositoryOf(t)
	for _, c := range []struct {
		offset int64
		size   int
		want   string
	}{{0, 4, "0123"}, {4, 100, "456789"}, {10, 5, ""}, {1 << 61, 5, ""}, {3, 0, ""}} {
		if b, err := tree.Read(repo+"/a", c.offset, c.size); err != nil || string(b) != c.want {
			t.Errorf("%d bytes at %d: %q, %v, want %q", c.size, c.offset, b, err, c.want)
		}
	}
	many := filepath.Join(repo, "many")
	if err := os.Mkdir(many, 0o755); err != nil {
		t.Fatal(err)
	}
	const links = 300 // whose targets do not fit into one answer
	for i := range links {
		if err := os.Symlink(strings.Repeat("x", 4000), filepath.Join(many, fmt.Sprintf("%04d", i))); err != nil {
			t.Fatal(err)
		}
	}
	seen, pages := 0, 0
	for after, more := "", true; more; pages++ {
		a := tree.Answer(wire.HostRequest{Op: wire.HostList, Path: many, After: after})
		if a.Errno != 0 || len(a.Entries) == 0 {
			t.Fatalf("after %q: error %d, %d entries", after, a.Errno, len(a.Entries))
		}
		if err := wire.NewWriter(&strings.Builder{}).WriteMessage(wire.HostReply, &a); err != nil {
			t.Fatal(err)
		}
		seen, more, after = seen+len(a.Entries), a.More, a.Entries[len(a.Entries)-1].Name
	}
	if seen != links || pages < 2 {
		t.Errorf("%d entries in %d answers, want %d in several", seen, pages, links)
	}
}

func TestSeriesHasSmallVisibleFiles(t *testing.T) {
	tree, repo := repositoryOf(t)
	for name, size := range map[string]int{"b": 3, "c": 0, "d": wire.MaxSmall, "e": wire.MaxSmall + 1, "f": 1} {
		if err := os.WriteFile(filepath.Join(repo, name), []byte(strings.Repeat(name, size)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := strings.Repeat("d", wire.MaxSmall)
	for _, c := range []struct {
		after    string
		n        int
		files    string
		contents string
	}{
		{"", 2, "a b", "0123456789bbb"},
		{"a", 64, "b c d", "bbb" + d}, // e is too long
		{"c", 1, "d", d},
		{"e", 64, "f", "f"}, // neither links nor a FIFO
		{"zzz", 64, "", ""},
	} {
		files, contents, err := tree.Series(repo, c.after, c.n)
		var names []string
		for _, e := range files {
			names = append(names, e.Name)
		}
		if got := strings.Join(names, " "); err != nil || got != c.files || string(contents) != c.contents {
			t.Errorf("after %q: %q with %d bytes, %v, want %q with %d bytes", c.after, got, len(contents), err, c.files, len(c.contents))
		}
	}
	if a := tree.Answer(wire.HostRequest{Op: wire.HostSeries, Path: filepath.Dir(repo), Size: 64}); a.Errno != 0 || len(a.Entries) != 0 || a.Data != "" {
		t.Errorf("files beside the visible ones: %+v", a)
	}
}

// The files of a directory that users of the host cannot list have no known names.
func TestSeriesNeedsListedDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "public"), []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[os.FileMode]int{0o755: 1, 0o711: 0} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		d := &directory{tree: Tree{View{Mode: All}}, path: "/usr/made-up"}
		var err error
		if d.File, err = os.Open(dir); err != nil {
			t.Fatal(err)
		}
		d.all = sight{public: true}.lists(uint32(mode))
		_, ok := d.entry("public")
		d.Close()
		if ok != (want == 1) {
			t.Errorf("mode %o: visible %t", mode, ok)
		}
	}
}
