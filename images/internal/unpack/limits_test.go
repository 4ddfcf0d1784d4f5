package unpack

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sized returns an archive of files with these names, each with as many zeros.
func sized(t *testing.T, zeros int, names ...string) io.Reader {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range names {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(zeros)}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, zeros)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

// endless gives zeros without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestContentsAreLimited(t *testing.T) {
	few := Limits{File: 1000, All: 10_000, Files: 4}
	for what, c := range map[string]struct {
		limits  Limits
		archive io.Reader
		want    string
	}{
		"what fits":                     {few, sized(t, 1000, "a/1", "a/2", "a/3"), ""},
		"a large file":                  {few, sized(t, 1001, "large"), "its file large has more than 1000 bytes"},
		"a large file that is left out": {few, sized(t, 1001, "left"), "its file left has more than 1000 bytes"},
		"many bytes":                    {Limits{All: 10_000}, sized(t, 2500, "a", "b", "c", "d"), "it unpacks to more than 10000 bytes"},
		"many bytes that are left out":  {Limits{All: 10_000}, sized(t, 2500, "left/a", "left/b", "left/c", "left/d"), "it unpacks to more than 10000 bytes"},
		"many files":                    {few, sized(t, 1, "a", "b", "c", "d", "e"), "it has more than 4 files"},
		"many files that are left out":  {few, sized(t, 1, "left1", "left2", "left3", "left4", "left5"), "it has more than 4 files"},
		"directories without entries":   {few, sized(t, 1, "a/b/c/d/e"), "it has more than 4 files"},
		"deep directories":              {Limits{}, sized(t, 1, strings.Repeat("a/", 102)+"file"), "below more than 100 directories"},
		"no end":                        {Limits{All: 1 << 20}, io.MultiReader(sized(t, 1, "a"), endless{}), "it unpacks to more than 1048576 bytes"},
	} {
		dir := t.TempDir()
		target, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		target.has.Limits = c.limits
		err = target.Tar(c.archive, func(name string) bool { return !strings.HasPrefix(name, "left") })
		target.Close()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", what, err, c.want)
		}
	}
}

// TestHolesAreLimited has a file whose zeros the archive does not hold.
func TestHolesAreLimited(t *testing.T) {
	dir := t.TempDir()
	holes, err := os.Create(filepath.Join(dir, "holes"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(holes.Truncate(1<<20), holes.Close()); err != nil {
		t.Fatal(err)
	}
	archive, err := exec.CommandContext(t.Context(), "tar", "--format=pax", "-S", "-C", dir, "-c", "holes").Output()
	if err != nil || len(archive) > 20_000 {
		t.Fatalf("the archive has %d bytes, %v", len(archive), err)
	}
	for want, limits := range map[string]Limits{"its file holes has more than": {File: 100_000}, "all files have more than": {All: 100_000}} {
		target, err := Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		target.has.Limits = limits
		if err := target.Tar(bytes.NewReader(archive), all); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		target.Close()
	}
}

func TestLimitsHoldForAllArchivesOfATarget(t *testing.T) {
	dir := t.TempDir()
	target, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	target.has.Limits = Limits{Files: 3}
	if err := target.Tar(sized(t, 1, "a", "b"), all); err != nil {
		t.Fatal(err)
	}
	if err := target.Tar(sized(t, 1, "c", "d"), all); err == nil || !strings.Contains(err.Error(), "more than 3 files") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "d")); !os.IsNotExist(err) {
		t.Errorf("the file beyond the limit: %v", err)
	}
}

// TestFilesOfOtherFormatsAreLimited: only the archive says how long a file is.
func TestFilesOfOtherFormatsAreLimited(t *testing.T) {
	target, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	target.has.Limits = Limits{File: 1 << 20, All: 3 << 19}
	if err := target.File("endless", 0o644, endless{}); err == nil || !strings.Contains(err.Error(), "the file has more than 1048576 bytes") {
		t.Errorf("got %v", err)
	}
	if err := target.File("more", 0o644, endless{}); err == nil || !strings.Contains(err.Error(), "all files have more than 1572864 bytes") {
		t.Errorf("got %v", err)
	}
}
