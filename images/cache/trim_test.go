package cache

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// entryOfAge makes an entry with a file of some size that was last used some time ago.
func entryOfAge(t *testing.T, dir, key string, size int, unused time.Duration) string {
	t.Helper()
	path, err := Entry(t.Context(), dir, key, func(_ context.Context, tmp string) error {
		return os.WriteFile(filepath.Join(tmp, "content"), bytes.Repeat([]byte{1}, size), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	used := time.Now().Add(-unused)
	if err := os.Chtimes(path, used, used); err != nil {
		t.Fatal(err)
	}
	return path
}

func assertKept(t *testing.T, path string, kept bool) {
	t.Helper()
	if _, err := os.Stat(path); (err == nil) != kept {
		t.Errorf("%s: kept %v, want %v (%v)", filepath.Base(path), err == nil, kept, err)
	}
}

func TestTrimRemovesLeastRecentlyUsed(t *testing.T) {
	const mib = 1 << 20
	dir := t.TempDir()
	keep := entryOfAge(t, dir, "keep", mib, 9*time.Hour)
	late := entryOfAge(t, dir, "late", mib, 2*time.Hour)
	middle := entryOfAge(t, dir, "middle", mib, 3*time.Hour)
	early := entryOfAge(t, dir, "early", mib, 4*time.Hour)
	dead := filepath.Join(dir, "dead"+tempInfix+"1")
	if err := os.Mkdir(dead, 0o700); err != nil {
		t.Fatal(err)
	}
	trim(t.Context(), dir, keep, 3*mib+mib/2)
	assertKept(t, keep, true)
	assertKept(t, late, true)
	assertKept(t, middle, true)
	assertKept(t, early, false)
	assertKept(t, dead, false)
}

func TestTrimKeepsWhatARunMayNeed(t *testing.T) {
	dir := t.TempDir()
	keep := entryOfAge(t, dir, "keep", 1<<20, 0)
	running := entryOfAge(t, dir, "running", 1<<20, inUse/2)
	done := entryOfAge(t, dir, "done", 1<<20, 2*inUse)
	trim(t.Context(), dir, keep, 0)
	assertKept(t, keep, true)
	assertKept(t, running, true)
	assertKept(t, done, false)
}

func TestTrimRemovesWhatIsUnused(t *testing.T) {
	dir := t.TempDir()
	keep := entryOfAge(t, dir, "keep", 1, 2*MaxAge)
	young := entryOfAge(t, dir, "young", 1, MaxAge-time.Hour)
	old := entryOfAge(t, dir, "old", 1, MaxAge+time.Hour)
	Trim(t.Context(), dir, keep)
	assertKept(t, keep, true)
	assertKept(t, young, true)
	assertKept(t, old, false)
	Trim(t.Context(), filepath.Join(dir, "none"), "") // does not panic
}
