package resultfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// send passes a file to Create as if a guest sent it.
func send(name string, mode fs.FileMode, results []Place) error {
	sink, err := Create(wire.FileHead{Name: name, Mode: mode}, results)
	if err != nil {
		return err
	}
	if _, err := sink.Write([]byte("the guest's")); err != nil {
		return err
	}
	return sink.Commit()
}

// guestNames are names of files that a guest sends, and whether they are written.
func guestNames(dir, profile, tree, data, fuzz, own, input string) map[string]bool {
	return map[string]bool{
		profile:                 true,
		profile + "/below":      false,
		tree + "/TestX/log.txt": true,
		tree + strings.Repeat("/x", wire.MaxLevels) + "/y":   true,
		tree + strings.Repeat("/x", wire.MaxLevels+1) + "/y": false,
		data + "/covmeta.0123456789abcdef":                   true,
		data + "/covcounters.0123456789abcdef.7.8":           true,
		data + "/main.go":                   false,
		data + "/sub/covmeta.0":             false,
		tree + "/ä/ö":                       true,
		fuzz + "/FuzzX/" + input:            true,
		fuzz + "/FuzzÜ1_/" + input:          true,
		fuzz + "/FuzzX/seed":                false,
		fuzz + "/FuzzX/" + input + "0":      false,
		fuzz + "/TestX/" + input:            false,
		fuzz + "/FuzzX/sub/" + input:        false,
		fuzz + "/" + input:                  false,
		fuzz + "/.git/config":               false,
		own:                                 false,
		fuzz + "/FuzzLink/" + input:         false,
		tree + "/link/" + input:             false,
		tree + "/\x1b[2J":                   false,
		tree + "/line\nbreak":               false,
		tree:                                false,
		tree + "x/y":                        false,
		tree + "/../go.mod":                 false,
		"/etc/passwd":                       false,
		filepath.Join(dir, "other.out"):     false,
		strings.TrimPrefix(profile, "/"):    true, // as PID 1 may send it
		filepath.Dir(fuzz) + "/fuzz/x/../y": false,
	}
}

func TestGuestWritesOnlyWhatFlagsAskFor(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), t.TempDir()
	fuzz := filepath.Join(dir, "testdata", "fuzz")
	tree := filepath.Join(dir, "_artifacts")
	profile := filepath.Join(dir, "cpu.out")
	data := filepath.Join(dir, "data")
	results := []Place{{profile, File}, {tree, Tree}, {fuzz, Corpus}, {data, CoverData}}
	const input = "0123456789abcdef"
	for _, d := range []string{filepath.Join(fuzz, "FuzzX"), tree} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	own := filepath.Join(fuzz, "FuzzX", "fedcba9876543210")
	if err := os.WriteFile(own, []byte("the user's"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{filepath.Join(fuzz, "FuzzLink"), filepath.Join(tree, "link")} {
		if err := os.Symlink(outside, link); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range guestNames(dir, profile, tree, data, fuzz, own, input) {
		if err := send(name, 0o644, results); (err == nil) != want {
			t.Errorf("%q: %v, want written: %v", name, err, want)
		}
	}
	if text, err := os.ReadFile(own); err != nil || string(text) != "the user's" {
		t.Errorf("the user's own input is now %q, %v", text, err)
	}
	if list, err := os.ReadDir(outside); err != nil || len(list) > 0 {
		t.Errorf("files were written through a link: %v, %v", list, err)
	}
	if err := send(tree+"/dir", fs.ModeDir|0o755, results); err == nil {
		t.Error("a directory is accepted as a file")
	}
	// Nothing is left of files that could not be written.
	left, err := filepath.Glob(filepath.Join(dir, "*", "*", "*", ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %q, %v", left, err)
	}
}

func TestResultsAreReplacedAsAWhole(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "cpu.out")
	results := []Place{{path, File}}
	for _, end := range []string{"commit", "discard", "commit"} {
		sink, err := Create(wire.FileHead{Name: path, Mode: 0o600}, results)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sink.Write([]byte(end)); err != nil {
			t.Fatal(err)
		}
		if end == "discard" {
			sink.Discard()
		} else if err := sink.Commit(); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != "commit" {
			t.Errorf("after %s the file is %q, %v", end, text, err)
		}
		if list, err := os.ReadDir(filepath.Dir(path)); err != nil || len(list) != 1 {
			t.Errorf("after %s there are %v, %v", end, list, err)
		}
	}
}
