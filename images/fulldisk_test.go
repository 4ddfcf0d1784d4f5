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

// diskBuilds is the result of builds in another process: first on a disk that may be too small, then on a
// larger one.
type diskBuilds struct {
	First  string   // the error of the first build, or ""
	Full   bool     // whether that error is ENOSPC
	Left   []string // content of the cache after the first build
	Second string   // the error of the second build, or ""
	Whole  []string // content of the cache after the second build
}

// buildOnDisk mounts a disk of size KiB on the cache, which only this process sees, builds on it, enlarges
// the disk, and builds again. It prints a diskBuilds to stdout.
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

// TestFullDiskIsReportedAtAnyStep builds on disks of growing size, up to the first that is large enough.
func TestFullDiskIsReportedAtAnyStep(t *testing.T) {
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
			t.Skipf("this user may not mount a file system: %v", err)
		}
		var told diskBuilds
		if err = errors.Join(err, json.Unmarshal(out, &told)); err != nil {
			t.Fatalf("%d KiB: %v\n%s", size, err, stderr)
		}
		if told.Second != "" {
			t.Errorf("%d KiB, then enlarged: %s", size, told.Second)
		}
		wantWhole(t, told.Whole, whole)
		if told.First == "" {
			if size == 16 {
				t.Error("a disk of 16 KiB is large enough")
			}
			return
		}
		if !told.Full || !strings.Contains(told.First, "the disk is full: free space") {
			t.Errorf("%d KiB: got %q, want that the disk is full", size, told.First)
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
