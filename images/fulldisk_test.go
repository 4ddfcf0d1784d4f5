package images

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// diskBuilds is what another process tells of builds on a disk that may be too small, and where there is room.
type diskBuilds struct {
	First  string // the error of the first build; "" is none
	Full   bool   // that error is ENOSPC
	Left   []string
	Second string
	Whole  []string
}

// buildOnDisk makes a disk of that many KiB for the cache, which only this process sees, builds on it, makes it larger, and builds
// again. What came of it goes to stdout.
func (b builder) buildOnDisk(ctx context.Context, size string) error {
	const flags = unix.MS_NOSUID | unix.MS_NODEV
	err := errors.Join(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount("disk", b.opt.Cache, "tmpfs", flags, "size="+size+"k"))
	if err != nil {
		return err
	}
	var told diskBuilds
	if _, err := b.build(ctx); err != nil {
		told.First, told.Full = err.Error(), errors.Is(err, unix.ENOSPC)
	}
	if told.Left, err = b.content(); err != nil {
		return err
	}
	if err := unix.Mount("disk", b.opt.Cache, "tmpfs", unix.MS_REMOUNT|flags, "size=64m"); err != nil {
		return err
	}
	if _, err := b.build(ctx); err != nil {
		told.Second = err.Error()
	}
	if told.Whole, err = b.content(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(told)
}

// TestDiskThatIsFullAnywhereIsTold builds on disks that are too small by more or less, up to the first that is not.
func TestDiskThatIsFullAnywhereIsTold(t *testing.T) {
	t.Parallel()
	dir, whole := projectAtAddress(t, "")
	const most = 4096
	for size := 16; ; size += 64 {
		b := newBuilder(t, dir)
		if err := os.Mkdir(b.opt.Cache, 0o755); err != nil {
			t.Fatal(err)
		}
		cmd, stderr := b.start(t, diskVariable+"="+strconv.Itoa(size))
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		if os.Geteuid() != 0 {
			cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
		}
		out, err := cmd.Output()
		if errors.Is(err, unix.EPERM) {
			t.Skipf("this user may not have a file system of their own: %v", err)
		}
		var told diskBuilds
		if err = errors.Join(err, json.Unmarshal(out, &told)); err != nil {
			t.Fatalf("%d KiB: %v\n%s", size, err, stderr)
		}
		if told.Second != "" {
			t.Errorf("%d KiB, then with room: %s", size, told.Second)
		}
		wantWhole(t, told.Whole, whole)
		if told.First == "" {
			if size == 16 {
				t.Error("there is room enough in 16 KiB")
			}
			return
		}
		if !told.Full || !strings.Contains(told.First, "the disk is full: make room") {
			t.Errorf("%d KiB: %q, which does not say that the disk is full", size, told.First)
		}
		for _, left := range told.Left {
			if strings.Contains(left, ".tmp-") {
				t.Errorf("%d KiB: %s is left", size, left)
			}
		}
		wantPart(t, told.Left, whole)
		if size > most {
			t.Fatalf("a disk of %d KiB is still too small: %s", size, told.First)
		}
	}
}
