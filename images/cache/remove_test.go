package cache

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestRemove(t *testing.T) {
	dir := t.TempDir()
	if err := Remove(t.Context(), dir, "k"); err != nil {
		t.Errorf("missing entry: %v", err)
	}
	if _, err := Entry(t.Context(), dir, "k", func(context.Context, string) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if Busy(dir, "k") {
		t.Error("a complete entry is busy")
	}
	if err := Remove(t.Context(), dir, "k"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "k")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the entry still exists: %v", err)
	}
}

func TestRemoveAfterInterruptedRemove(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"k", "k" + tempInfix + "removed"} {
		if err := os.MkdirAll(filepath.Join(dir, name, "deep"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := Remove(t.Context(), dir, "k"); err != nil {
		t.Fatal(err)
	}
	assertOnly(t, dir, "k.lock")
}

func TestRemoveLeftoversKeepsEntriesBeingFilled(t *testing.T) {
	dir := t.TempDir()
	dead := filepath.Join(dir, "dead"+tempInfix+"1")
	if err := os.MkdirAll(filepath.Join(dead, "deep"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Entry(t.Context(), dir, "k", func(_ context.Context, tmp string) error {
		if !Busy(dir, "k") {
			t.Error("an entry that is being filled is not busy")
		}
		removed, err := RemoveLeftovers(dir)
		if len(removed) != 1 || removed[0] != dead {
			t.Errorf("removed %q, want %q", removed, dead)
		}
		if _, err := os.Stat(tmp); err != nil {
			t.Errorf("the entry that is being filled was removed: %v", err)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if removed, err := RemoveLeftovers(filepath.Join(dir, "not")); len(removed) != 0 || err != nil {
		t.Errorf("missing directory: %q, %v", removed, err)
	}
}
