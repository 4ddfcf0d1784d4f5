package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Limits, in bytes. A run needs its guest's memory, 512 MiB by default, and some for itself. The cache
// holds a kernel of 250 MB, modules, an initramfs and a snapshot of some 100 MB.
const (
	mib          = 1 << 20
	leastMemory  = 400 * mib
	enoughMemory = 1024 * mib
	leastSpace   = 200 * mib
	kernelSpace  = 400 * mib
)

// cacheDir checks that this user can write to the cache.
func (h Host) cacheDir(dir string) Finding {
	const check = "cache"
	var st unix.Stat_t
	place := existing(dir)
	if err := unix.Stat(place, &st); err != nil {
		return Finding{check, Broken, fmt.Sprintf("%s: %v", place, err), "set XDG_CACHE_HOME to another directory"}
	}
	probe, err := os.MkdirTemp(place, ".probe-") // the access that a run needs; permissions alone do not show a read-only file system
	if err != nil {
		return Finding{
			check, Broken, fmt.Sprintf("%s cannot be written: %v (owner: user %d)", place, err, st.Uid),
			"set XDG_CACHE_HOME to a directory of your own",
		}
	}
	_ = os.Remove(probe)
	if place != dir {
		return Finding{check, OK, dir + ", which the first run makes", ""}
	}
	return Finding{check, OK, dir, ""}
}

// space checks the free space of the cache's file system.
func (h Host) space(dir string, hasKernel bool) Finding {
	const check = "disk space"
	free, err := h.Space(existing(dir))
	if err != nil {
		return Finding{check, Warning, fmt.Sprintf("unknown: %v", err), ""}
	}
	need := uint64(leastSpace)
	if !hasKernel {
		need += kernelSpace
	}
	found := fmt.Sprintf("%d MiB are free in %s", free/mib, dir)
	if free < need {
		return Finding{
			check, Broken, fmt.Sprintf("%s; a run needs %d MiB", found, need/mib),
			"kmodtest kernel gc, or set XDG_CACHE_HOME to a directory with more space",
		}
	}
	return Finding{check, OK, found, ""}
}

// snapshots counts the snapshots.
func (h Host) snapshots(dir string) Finding {
	const check = "snapshots"
	if os.Getenv("KMODTEST_SNAPSHOT") == "off" {
		return Finding{check, Warning, "KMODTEST_SNAPSHOT is off: each run boots", "unset KMODTEST_SNAPSHOT"}
	}
	entries, err := os.ReadDir(filepath.Join(dir, "snapshots"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Finding{check, Broken, err.Error(), "remove " + filepath.Join(dir, "snapshots")}
	}
	n := 0
	for _, entry := range entries {
		if entry.IsDir() {
			n++
		}
	}
	return Finding{check, OK, fmt.Sprintf("%d saved machines", n), ""}
}

// memory checks the memory that is available to this process.
func (h Host) memory() Finding {
	const check = "memory"
	text, err := os.ReadFile(h.Memory)
	if err != nil {
		return Finding{check, Warning, err.Error(), "mount /proc"}
	}
	_, rest, _ := strings.Cut(string(text), "\nMemAvailable:")
	field, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kib, err := strconv.ParseUint(field, 10, 64)
	if err != nil {
		return Finding{check, Warning, h.Memory + " does not say how much is available", "look at free -m"}
	}
	available, from := kib<<10, "the host"
	if limit, ok := readNumber(filepath.Join(h.Group, "memory.max")); ok && limit < available {
		available, from = limit, "this container or cgroup"
	}
	found := fmt.Sprintf("%s has %d MiB available", from, available/mib)
	switch {
	case available < leastMemory:
		return Finding{check, Broken, found + "; a guest has 512", "give " + from + " more memory"}
	case available < enoughMemory:
		return Finding{check, Warning, found + "; a guest has 512, and a fresh machine per test needs several", "give " + from + " more memory"}
	}
	return Finding{check, OK, found, ""}
}

// processors checks the limit of a container or cgroup on processor time.
func (h Host) processors() Finding {
	const check = "processors"
	text, err := os.ReadFile(filepath.Join(h.Group, "cpu.max"))
	if fields := strings.Fields(string(text)); err == nil && len(fields) == 2 {
		quota, err1 := strconv.ParseFloat(fields[0], 64) // "max" is not a number
		period, err2 := strconv.ParseFloat(fields[1], 64)
		if err1 == nil && err2 == nil && quota < period {
			return Finding{
				check, Warning, fmt.Sprintf("this container or cgroup may use %.1f of a processor", quota/period),
				"raise its limit; a machine has two virtual processors",
			}
		}
	}
	return Finding{check, OK, "no limit below one processor", ""}
}

// readNumber reads a file with one number.
func readNumber(path string) (uint64, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

// existing returns a path, or the nearest directory above that exists.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

// freeSpace returns the bytes that this user can write to a path's file system.
func freeSpace(path string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, err
	}
	return st.Bavail * uint64(st.Bsize), nil
}

// ownGroup returns the directory of this process's cgroup in the unified hierarchy.
func ownGroup() string {
	const root = "/sys/fs/cgroup"
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return root
	}
	for line := range strings.Lines(string(text)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return filepath.Join(root, path)
		}
	}
	return root
}
