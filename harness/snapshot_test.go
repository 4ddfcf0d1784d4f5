package harness_test

import (
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/images/cache"
)

// ownCache makes a cache that has its own snapshots, but shares the kernels and
// builds of the user's cache.
func ownCache(t *testing.T) (env, snapshots string) {
	t.Helper()
	users, err := cache.Dir()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	own := filepath.Join(home, "kmodtest")
	if err := os.Mkdir(own, 0o755); err != nil {
		t.Fatal(err)
	}
	// Absolute paths in the cache must stay valid.
	for _, name := range []string{"kernels", "modules", "programs", "initramfs"} {
		if err := os.MkdirAll(filepath.Join(users, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(users, name), filepath.Join(own, name)); err != nil {
			t.Fatal(err)
		}
	}
	return "XDG_CACHE_HOME=" + home, filepath.Join(own, "snapshots")
}

// theSnapshot returns the directory of the only snapshot.
func theSnapshot(t *testing.T, snapshots string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(snapshots, "*", "state"))
	if err != nil || len(found) != 1 {
		t.Fatalf("snapshots: %q, %v; want one", found, err)
	}
	return filepath.Dir(found[0])
}

// pass runs a test that passes, and returns the output of the harness.
func pass(t *testing.T, env ...string) string {
	t.Helper()
	c := newCommand(t, env, binary(t, "red"), "-test.run=^TestPasses$")
	if status := c.status(t); status != 0 || c.stdout.String() != "PASS\n" {
		t.Fatalf("exit status %d, output %q; want 0 and PASS\n%s", status, c.stdout.String(), c.stderr.String())
	}
	return c.stderr.String()
}

// A damaged snapshot is reported once and removed, and the next run makes a new
// one.
func TestDamagedSnapshotIsReplaced(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage func(dir string) error
		want   string
	}{
		"state with a flipped byte": {flipByte, "the state of its devices is not as it was saved"},
		"state cut short":           {func(dir string) error { return os.Truncate(filepath.Join(dir, "state"), 1000) }, "not as it was saved"},
		"memory cut short":          {func(dir string) error { return os.Truncate(filepath.Join(dir, "memory"), 1<<20) }, "its memory is not as it was saved"},
		"memory gone":               {func(dir string) error { return os.Remove(filepath.Join(dir, "memory")) }, "no such file"},
		"manifest gone":             {func(dir string) error { return os.Remove(filepath.Join(dir, "snapshot.json")) }, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, snapshots := ownCache(t)
			if said := pass(t, env); strings.Contains(said, "cannot restore") {
				t.Fatalf("the first run prints %q", said)
			}
			if err := c.damage(theSnapshot(t, snapshots)); err != nil {
				t.Fatal(err)
			}
			said := pass(t, env)
			if n := strings.Count(said, "cannot restore the snapshot; booting instead"); n != 1 || !strings.Contains(said, c.want) {
				t.Errorf("the run with the damaged snapshot reports it %d times, want once with %q:\n%s", n, c.want, said)
			}
			if said := pass(t, env); strings.Contains(said, "cannot restore the snapshot") {
				t.Errorf("the next run prints %q", said)
			}
			theSnapshot(t, snapshots)
		})
	}
}

func flipByte(dir string) error {
	path := filepath.Join(dir, "state")
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[len(b)/2] ^= 1
	return os.WriteFile(path, b, 0o644)
}

// If several runs start without a snapshot, one is made, and all runs pass.
func TestSnapshotIsMadeOnce(t *testing.T) {
	t.Parallel()
	env, snapshots := ownCache(t)
	binary(t, "red")
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			c := newCommand(t, []string{env}, binary(t, "red"), "-test.run=^TestPasses$")
			if err := c.Run(); err != nil || strings.Contains(c.stderr.String(), "cannot restore the snapshot") {
				t.Errorf("%v\n%s", err, c.stderr.String())
			}
		})
	}
	wg.Wait()
	theSnapshot(t, snapshots)
}

func TestSnapshotOffBoots(t *testing.T) {
	t.Parallel()
	env, snapshots := ownCache(t)
	pass(t, env, "KMODTEST_SNAPSHOT=off")
	if left, err := filepath.Glob(filepath.Join(snapshots, "*")); err != nil || len(left) != 0 {
		t.Errorf("snapshots: %q, %v; want none", left, err)
	}
}

// copies is how many machines TestCopiesDiffer restores; make stress uses more.
var copies = flag.Int("copies", 8, "restore this `many` machines from one snapshot")

// Many machines can be restored from one snapshot at the same time. Each works,
// and values that must be unique differ.
func TestCopiesDiffer(t *testing.T) {
	t.Parallel()
	env, snapshots := ownCache(t)
	pass(t, env)
	var mu sync.Mutex
	seen := map[string]bool{}
	t.Run("copies", func(t *testing.T) {
		for i := range *copies {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				for name, value := range identity(t, env) {
					mu.Lock()
					if seen[value] {
						t.Errorf("two machines have the same %s: %s", name, value)
					}
					seen[value] = true
					mu.Unlock()
				}
			})
		}
	})
	if len(seen) != 3**copies {
		t.Errorf("%d values seen of %d machines, want 3 of each", len(seen), *copies)
	}
	left, err := filepath.Glob(filepath.Join(snapshots, "*", "*"))
	if err != nil || len(left) != 3 {
		t.Errorf("files of snapshots: %q, %v; want the three of one", left, err)
	}
}

// identity runs a test that prints its machine's unique values and its time, checks
// the time, and returns the unique values.
func identity(t *testing.T, env string) map[string]string {
	t.Helper()
	before := time.Now()
	c := newCommand(t, []string{env}, binary(t, "red"), "-test.run=^TestPrintsWhoItIs$", "-test.v")
	if status := c.status(t); status != 0 {
		t.Fatalf("exit status %d\n%s", status, c.stderr.String())
	}
	if strings.Contains(c.stderr.String(), "cannot restore") {
		t.Errorf("the machine was not restored: %s", &c.stderr)
	}
	values := map[string]string{}
	for line := range strings.Lines(c.stdout.String()) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " is "); ok {
			values[name] = value
		}
	}
	at, err := time.Parse(time.RFC3339Nano, values["time"])
	if err != nil || at.Before(before) || at.After(time.Now()) {
		t.Errorf("the guest's time is %v, %v; want one between %v and now", values["time"], err, before)
	}
	delete(values, "time")
	return values
}
