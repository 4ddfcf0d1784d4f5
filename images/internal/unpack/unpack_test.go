package unpack

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// archive returns an archive of these entries; files have their name as content.
func archive(t *testing.T, entries ...tar.Header) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(h.Name))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := w.Write([]byte(h.Name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func all(string) bool { return true }

func TestArchiveIsUnpacked(t *testing.T) {
	dir := t.TempDir()
	target, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	for range 2 { // what exists is replaced
		err := target.Tar(archive(t,
			tar.Header{Name: "./usr/", Typeflag: tar.TypeDir, Mode: 0o555},
			tar.Header{Name: "./usr/file", Typeflag: tar.TypeReg, Mode: 0o4444},
			tar.Header{Name: "usr/link", Typeflag: tar.TypeSymlink, Linkname: "file"},
			tar.Header{Name: "usr/second", Typeflag: tar.TypeLink, Linkname: "./usr/file"},
			tar.Header{Name: "dev/null", Typeflag: tar.TypeChar},
			tar.Header{Name: "left/out", Typeflag: tar.TypeReg, Mode: 0o644},
		), func(name string) bool { return !strings.HasPrefix(name, "left") })
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"usr/file", "usr/link", "usr/second"} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); string(text) != "./usr/file" || err != nil {
			t.Errorf("%s: got %q, %v", name, text, err)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "usr/file")); err != nil || info.Mode() != 0o644 {
		t.Errorf("got mode %v, %v; want 0644", info.Mode(), err)
	}
	for _, name := range []string{"dev", "left"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s was unpacked", name)
		}
	}
}

func TestNothingLeavesTheTarget(t *testing.T) {
	outside := t.TempDir()
	for what, entries := range map[string][]tar.Header{
		"a name with ..":         {{Name: "../../../../../.." + outside + "/new", Typeflag: tar.TypeReg, Mode: 0o644}},
		"through a link":         {{Name: "out", Typeflag: tar.TypeSymlink, Linkname: outside}, {Name: "out/new", Typeflag: tar.TypeReg, Mode: 0o644}},
		"a directory by a link":  {{Name: "out", Typeflag: tar.TypeSymlink, Linkname: outside}, {Name: "out/new/", Typeflag: tar.TypeDir, Mode: 0o755}},
		"a hard link to outside": {{Name: "out", Typeflag: tar.TypeSymlink, Linkname: "/etc"}, {Name: "new", Typeflag: tar.TypeLink, Linkname: "out/passwd"}},
	} {
		dir := t.TempDir()
		target, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		err = target.Tar(archive(t, entries...), all)
		target.Close()
		if err == nil && len(entries) > 1 {
			t.Errorf("%s: got no error", what)
		}
		if list, err := os.ReadDir(outside); len(list) > 0 || err != nil {
			t.Fatalf("%s: %v was written outside, %v", what, list, err)
		}
		if _, err := os.Lstat(filepath.Join(dir, "new")); err == nil {
			t.Errorf("%s: the link was made", what)
		}
	}
}
