package upload

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/hostfs"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// The guest sees all files, and gets the binary nevertheless: it would read it page by page.
func TestBinaryIsSentThoughItIsSeen(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	binary, golden := filepath.Join(dir, "p.test"), filepath.Join(dir, "testdata", "golden")
	if err := os.Mkdir(filepath.Dir(golden), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{binary, golden} {
		if err := os.WriteFile(path, []byte("text"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for mode, want := range map[hostfs.Mode][]string{
		hostfs.None:   {binary, filepath.Dir(golden), golden},
		hostfs.Module: {binary},
	} {
		if got := sent(t, Binary{Path: binary}, dir, hostfs.Tree{View: hostfs.View{Mode: mode, Repository: dir}}); !slices.Equal(got, want) {
			t.Errorf("with mode %q, %q was sent, want %q", mode, got, want)
		}
	}
}

// sent returns the paths that Tests sends.
func sent(t *testing.T, binary Binary, dir string, tree hostfs.Tree) []string {
	t.Helper()
	var stream bytes.Buffer
	if err := Tests(wire.NewWriter(&stream), binary, dir, nil, tree); err != nil {
		t.Fatal(err)
	}
	var names []string
	for in := wire.NewReader(&stream); ; {
		rec, err := in.Read()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		if rec.Type == wire.File {
			var head wire.FileHead
			if err := rec.Decode(&head); err != nil {
				t.Fatal(err)
			}
			names = append(names, head.Name)
		}
	}
}
