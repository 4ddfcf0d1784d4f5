package cache

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// assertMode fails the test unless these directories have these permissions.
func assertMode(t *testing.T, want os.FileMode, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", dir, got, want)
		}
	}
}

// userCache sets the user's cache to a new directory, and returns the project's directory in it.
func userCache(t *testing.T) string {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", filepath.Join(t.TempDir(), "cache"))
	dir, err := Dir()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestNewDirectoriesArePrivate(t *testing.T) {
	root := userCache(t)
	path, err := Entry(t.Context(), filepath.Join(root, "kernels"), "k", func(_ context.Context, tmp string) error {
		assertMode(t, private, tmp)
		return os.Chmod(tmp, 0o755) // like dpkg-deb
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := MakeDir(filepath.Join(root, "builds")); err != nil {
		t.Fatal(err)
	}
	assertMode(t, private, filepath.Dir(root), root, filepath.Dir(path), path, filepath.Join(root, "builds"))
}

func TestExistingDirectoriesBecomePrivate(t *testing.T) {
	root := userCache(t)
	kernels := filepath.Join(root, "kernels")
	entry := filepath.Join(kernels, "k")
	builds := filepath.Join(root, "builds")
	for mode, dir := range map[os.FileMode]string{0o755: root, 0o770: kernels, 0o711: entry, 0o701: builds} {
		if err := os.MkdirAll(dir, private); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Dir(); err != nil {
		t.Fatal(err)
	}
	if _, err := Entry(t.Context(), kernels, "k", nil); err != nil {
		t.Fatal(err)
	}
	if err := MakeDir(builds); err != nil {
		t.Fatal(err)
	}
	assertMode(t, private, root, kernels, entry, builds)
}

func TestDirectoryOfAnotherUserIsNotChanged(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can change a directory's owner")
	}
	root := userCache(t)
	if err := os.MkdirAll(root, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(root, 65534, -1); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Dir(); err != nil {
		t.Fatal(err)
	}
	assertMode(t, 0o755, root)
}
