// Package mounts has the file systems of a guest, and mounts them.
package mounts

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// mount is one file system of the guest.
type mount struct {
	source, target, fstype string
	flags                  uintptr
	data                   string
	optional               bool // skipped if the kernel does not support it
}

// mounts are the mounts in their order: some are inside others.
var mounts = []mount{
	{"proc", "/proc", "proc", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "", false},
	{"sysfs", "/sys", "sysfs", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "", false},
	{"devtmpfs", "/dev", "devtmpfs", unix.MS_NOSUID, "mode=0755", false},
	{"devpts", "/dev/pts", "devpts", unix.MS_NOSUID | unix.MS_NOEXEC, "mode=0620,ptmxmode=0666", true},
	{"tmpfs", "/dev/shm", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777", false},
	{"tmpfs", "/run", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=0755", false},
	{"tmpfs", "/tmp", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777", false},
	{"cgroup2", "/sys/fs/cgroup", "cgroup2", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "", true},
	{"debugfs", "/sys/kernel/debug", "debugfs", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "", true},
	{"tracefs", "/sys/kernel/tracing", "tracefs", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "", true},
	{"bpf", "/sys/fs/bpf", "bpf", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "mode=0700", true},
}

// links are the symbolic links that programs expect in /dev.
var links = map[string]string{
	"/dev/fd":     "/proc/self/fd",
	"/dev/stdin":  "/proc/self/fd/0",
	"/dev/stdout": "/proc/self/fd/1",
	"/dev/stderr": "/proc/self/fd/2",
	"/dev/ptmx":   "pts/ptmx",
}

// leaveRootfs makes a second mount of the initramfs the root directory. For a process
// whose root is the kernel's first mount, pivot_root(2) fails, and container runtimes
// call it.
func leaveRootfs() error {
	root, err := unix.OpenTree(unix.AT_FDCWD, "/", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return fmt.Errorf("copy the root mount: %w", err)
	}
	defer unix.Close(root)
	if err := unix.MoveMount(root, "", unix.AT_FDCWD, "/", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("mount the root directory again: %w", err)
	}
	if err := unix.Fchdir(root); err != nil {
		return fmt.Errorf("enter the new root directory: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("change the root directory: %w", err)
	}
	return nil
}

// Make makes all mounts, and the links in /dev. The root directory is another mount afterwards. It is for PID 1, once.
func Make() error {
	if err := leaveRootfs(); err != nil {
		return err
	}
	for _, m := range mounts {
		if err := m.mount(); err != nil {
			return fmt.Errorf("mount %s on %s: %w", m.fstype, m.target, err)
		}
	}
	for name, target := range links {
		if err := os.Symlink(target, name); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}

// mountOverFiles mounts a file system in memory, and moves the initramfs's files at
// the mount point into it.
func (m mount) mountOverFiles() error {
	below, err := os.Open(m.target)
	if err != nil {
		return err
	}
	defer below.Close()
	names, err := below.Readdirnames(-1)
	if err == nil {
		err = unix.Mount(m.source, m.target, m.fstype, m.flags, m.data)
	}
	if err != nil || len(names) == 0 {
		return err
	}
	root := fmt.Sprintf("/proc/self/fd/%d", below.Fd())
	if err := os.CopyFS(m.target, os.DirFS(root)); err != nil {
		return err
	}
	for _, name := range names {
		if err := os.RemoveAll(filepath.Join(root, name)); err != nil {
			return err
		}
	}
	return nil
}

// mount makes the mount point and mounts the file system.
func (m mount) mount() error {
	err := os.MkdirAll(m.target, 0o755)
	if err == nil && m.fstype == "tmpfs" {
		err = m.mountOverFiles()
	} else if err == nil {
		err = unix.Mount(m.source, m.target, m.fstype, m.flags, m.data)
	}
	// sysfs has a mount point only if the kernel supports the file system, so a
	// missing one shows as any of these errors.
	if m.optional && (errors.Is(err, unix.ENODEV) || errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist)) {
		return nil
	}
	return err
}
