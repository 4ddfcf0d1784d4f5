// Package filestest makes and compares files in tests.
package filestest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Tree writes files, by name, to a new directory. The content "-> x" makes a link to x.
func Tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	Add(t, root, files)
	return root
}

// Add writes files, as Tree does, to a directory.
func Add(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		write := func() error { return os.WriteFile(path, []byte(content), 0o644) }
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			write = func() error { return os.Symlink(target, path) }
		}
		if err := write(); err != nil {
			t.Fatal(err)
		}
	}
}

// Want fails the test unless a file has the content.
func Want(t *testing.T, path, content string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != content {
		t.Errorf("%s holds %q, %v, want %q", path, got, err, content)
	}
}
