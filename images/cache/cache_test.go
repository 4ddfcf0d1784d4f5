package cache

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// fillWith returns a fill that writes one file and counts its calls.
func fillWith(content string, calls *atomic.Int32) func(context.Context, string) error {
	return func(_ context.Context, tmp string) error {
		calls.Add(1)
		return os.WriteFile(filepath.Join(tmp, "file"), []byte(content), 0o644)
	}
}

// assertOnly fails the test unless dir holds exactly these names.
func assertOnly(t *testing.T, dir string, want ...string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, e := range list {
		got[e.Name()] = true
	}
	for _, name := range want {
		if !got[name] {
			t.Errorf("%s is missing from the cache", name)
		}
		delete(got, name)
	}
	for name := range got {
		t.Errorf("%s is left in the cache", name)
	}
}

func TestEntryFillsOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	var calls atomic.Int32
	for range 3 {
		path, err := Entry(t.Context(), dir, "k", fillWith("hello", &calls))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(path, "file")); err != nil || string(got) != "hello" {
			t.Fatalf("entry holds %q, %v", got, err)
		}
	}
	if calls.Load() != 1 {
		t.Fatalf("filled %d times, want 1", calls.Load())
	}
	assertOnly(t, dir, "k", "k.lock")
}

func TestEntryMarksItAsUsed(t *testing.T) {
	dir := t.TempDir()
	var calls atomic.Int32
	for range 2 {
		path, err := Entry(t.Context(), dir, "k", fillWith("hello", &calls))
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || time.Since(info.ModTime()) > time.Hour {
			t.Fatalf("time of last use: got %v, error %v", info.ModTime(), err)
		}
		long := time.Now().Add(-48 * time.Hour)
		if err := os.Chtimes(path, long, long); err != nil {
			t.Fatal(err)
		}
	}
}

func TestExistingEntryTakesNoLock(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "k"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Entry(t.Context(), dir, "k", nil); err != nil {
		t.Fatal(err)
	}
	assertOnly(t, dir, "k")
}

func TestEntryConcurrentCallersFillOnce(t *testing.T) {
	dir := t.TempDir()
	var calls, inside atomic.Int32
	fill := func(ctx context.Context, tmp string) error {
		if inside.Add(1) != 1 {
			t.Error("two fills at once")
		}
		defer inside.Add(-1)
		time.Sleep(30 * time.Millisecond)
		return fillWith("x", &calls)(ctx, tmp)
	}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			path, err := Entry(t.Context(), dir, "k", fill)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := os.Stat(filepath.Join(path, "file")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if calls.Load() != 1 {
		t.Fatalf("filled %d times, want 1", calls.Load())
	}
}

func TestEntryFailingFillLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	broken := errors.New("broken")
	_, err := Entry(t.Context(), dir, "k", func(_ context.Context, tmp string) error {
		if err := os.WriteFile(filepath.Join(tmp, "half"), nil, 0o644); err != nil {
			t.Error(err)
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Fatalf("got %v, want the error of fill", err)
	}
	assertOnly(t, dir, "k.lock")
	var calls atomic.Int32
	if _, err := Entry(t.Context(), dir, "k", fillWith("x", &calls)); err != nil || calls.Load() != 1 {
		t.Fatalf("after a failure: %v, %d fills", err, calls.Load())
	}
}

func TestEntryPanickingFillLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	func() {
		defer func() { _ = recover() }()
		_, _ = Entry(t.Context(), dir, "k", func(context.Context, string) error { panic("no") })
		t.Error("the panic was not propagated")
	}()
	assertOnly(t, dir, "k.lock")
	var calls atomic.Int32
	if _, err := Entry(t.Context(), dir, "k", fillWith("x", &calls)); err != nil {
		t.Fatalf("after a panic: %v", err)
	}
}

func TestEntryInterruptedFillLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Entry(ctx, dir, "k", func(context.Context, string) error {
		cancel()
		return nil // like a fill that ignores its context
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context canceled", err)
	}
	assertOnly(t, dir, "k.lock")
}

func TestEntryWaitingHonoursContext(t *testing.T) {
	dir := t.TempDir()
	filling, release := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		_, err := Entry(t.Context(), dir, "k", func(context.Context, string) error {
			close(filling)
			<-release
			return nil
		})
		first <- err
	}()
	<-filling
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := Entry(ctx, dir, "k", func(context.Context, string) error {
		t.Error("filled an entry that another caller was filling")
		return nil
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want deadline exceeded", err)
	}
	close(release)
	if err := <-first; err != nil {
		t.Errorf("the caller that filled: %v", err)
	}
}

func TestEntryRefusesKeys(t *testing.T) {
	for _, key := range []string{"", ".", "..", ".hidden", "a/b", "a/", "/a", "a.tmp-1", "a.lock"} {
		if _, err := Entry(t.Context(), t.TempDir(), key, nil); err == nil {
			t.Errorf("key %q was accepted", key)
		}
	}
}

// TestEntryAfterFillerWasKilled kills another process while it fills an entry.
func TestEntryAfterFillerWasKilled(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestFillerThatHangs$")
	cmd.Env = append(os.Environ(), "CACHE_TEST_HANG_IN="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if half, err := filepath.Glob(filepath.Join(dir, "k.tmp-*", "half")); err == nil && len(half) == 1 {
			break
		}
		if time.Since(start) > 20*time.Second {
			t.Fatal("the other process did not start to fill")
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the error reports the kill
	var calls atomic.Int32
	path, err := Entry(t.Context(), dir, "k", fillWith("whole", &calls))
	if err != nil {
		t.Fatal(err)
	}
	assertOnly(t, dir, "k", "k.lock")
	assertOnly(t, path, "file")
}

// TestFillerThatHangs runs in the other process of TestEntryAfterFillerWasKilled. On its own it tests
// that a fill gets the caller's context.
func TestFillerThatHangs(t *testing.T) {
	dir := os.Getenv("CACHE_TEST_HANG_IN")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if dir == "" {
		dir = t.TempDir()
		cancel()
	}
	_, err := Entry(ctx, dir, "k", func(ctx context.Context, tmp string) error {
		if err := os.WriteFile(filepath.Join(tmp, "half"), nil, 0o644); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context canceled", err)
	}
}

func BenchmarkEntryThere(b *testing.B) {
	dir := b.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "k"), 0o755); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Entry(b.Context(), dir, "k", nil); err != nil {
			b.Fatal(err)
		}
	}
}
