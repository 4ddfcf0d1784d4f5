package upload

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// A file that no guest could keep is refused before anything is sent: to send a sparse file
// of terabytes takes hours, for zeros.
func TestFilesLargerThanTheMemoryAreRefused(t *testing.T) {
	dir := t.TempDir()
	sparse := filepath.Join(dir, "testdata", "sparse")
	if err := os.Mkdir(filepath.Dir(sparse), 0o755); err != nil {
		t.Fatal(err)
	}
	binary, err := os.Executable()
	if err == nil {
		err = os.WriteFile(sparse, nil, 0o644)
	}
	if err == nil {
		err = os.Truncate(sparse, 513<<20)
	}
	if err != nil {
		t.Fatal(err)
	}
	var stream bytes.Buffer
	err = Tests(wire.NewWriter(&stream), Binary{Path: binary}, dir, nil, hostfs.Tree{}, 512)
	if err == nil || !strings.Contains(err.Error(), sparse+" alone 513 MiB") || stream.Len() > 0 {
		t.Errorf("after %d bytes: %v; want an error that names %s, before any byte", stream.Len(), err, sparse)
	}
}

// sent returns the paths that Tests sends.
func sent(t *testing.T, binary Binary, dir string, tree hostfs.Tree) []string {
	t.Helper()
	var stream bytes.Buffer
	if err := Tests(wire.NewWriter(&stream), binary, dir, nil, tree, 1); err != nil {
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
