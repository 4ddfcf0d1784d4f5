// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// newTree copies a directory that is not a repository and has a file to patch.
func newTree(t *testing.T) tree {
	t.Helper()
	root := t.TempDir()
	for name, content := range map[string]string{
		"kmod/handlers.c": "one\n",
		".git/config":     "not to be copied\n",
		"Makefile":        "all:\n",
	} {
		write(t, filepath.Join(root, name), content)
	}
	copied, err := copyTree(t.Context(), root, filepath.Join(t.TempDir(), "tree"))
	if err != nil {
		t.Fatal(err)
	}
	return copied
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (t tree) wantFile(tb testing.TB, name, want, when string) {
	tb.Helper()
	got, err := os.ReadFile(filepath.Join(t.dir, name))
	if err != nil || string(got) != want {
		tb.Fatalf("%s %s: got %q and error %v, want %q", name, when, got, err, want)
	}
}

func TestCopyTreeOmitsGitDirectory(t *testing.T) {
	copied := newTree(t)
	copied.wantFile(t, "kmod/handlers.c", "one\n", "in the copy")
	copied.wantFile(t, "Makefile", "all:\n", "in the copy")
	if _, err := os.Stat(filepath.Join(copied.dir, ".git")); !os.IsNotExist(err) {
		t.Fatalf(".git in the copy: got error %v, want that it does not exist", err)
	}
}

func TestRevertRevertsApply(t *testing.T) {
	copied := newTree(t)
	m := mutant{name: "two", path: filepath.Join(t.TempDir(), "two.patch")}
	write(t, m.path, examplePatch)
	if err := copied.apply(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	copied.wantFile(t, "kmod/handlers.c", "two\n", "after the patch")
	if err := copied.revert(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	copied.wantFile(t, "kmod/handlers.c", "one\n", "after the patch was reverted")
}

func TestPatchThatDoesNotApplyIsNamed(t *testing.T) {
	copied := newTree(t)
	m := mutant{name: "stale", path: filepath.Join(t.TempDir(), "stale.patch")}
	write(t, m.path, strings.Replace(examplePatch, "-one", "-another", 1))
	err := copied.apply(t.Context(), m)
	if err == nil || !strings.Contains(err.Error(), "apply stale.patch: ") {
		t.Fatalf("got error %v, want one that names the patch", err)
	}
	copied.wantFile(t, "kmod/handlers.c", "one\n", "after a patch that does not apply")
}
