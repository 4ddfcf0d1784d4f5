package hostmount

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/hostpath"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Directories of the initramfs. When the guest is set up, no process can reach them.
const (
	base  = "/.kmodtest"
	own   = base + "/own"   // the guest's own files
	host  = base + "/host"  // those of the host
	upper = base + "/upper" // what is written, in memory
	root  = base + "/root"  // all of them together
)

// Mount is the host's files in a guest.
type Mount struct {
	client *Client
	files  *fileSystem
	below  map[string]int // by directory, what the guest's own file system there hides
	layer  int            // the directory of what is written
}

// New makes the root directory of the guest consist of its own files and, below them,
// those of the host. mounts are the directories in it where other file systems are
// mounted; they stay. Where the host's directory is a link, the guest's own files are
// moved to its target. An own file in yield is removed if the host has it.
func New(client *Client, mounts, yield []string) (*Mount, error) {
	m := &Mount{client: client, files: newFileSystem(client), below: map[string]int{}}
	for _, dir := range []string{own, host, upper, root} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	if err := m.serve(); err != nil {
		return nil, fmt.Errorf("mount the host's files: %w", err)
	}
	for _, name := range yield {
		if _, err := client.stat(name); err == nil {
			if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
	}
	mover := mover{client: client, skip: append(slices.Clone(mounts), base)}
	if err := mover.move("/"); err != nil {
		return nil, fmt.Errorf("arrange the guest's own files: %w", err)
	}
	for _, dir := range mounts {
		if err := os.MkdirAll(own+dir, 0o755); err != nil {
			return nil, err
		}
	}
	if err := m.overlay(mounts); err != nil {
		return nil, err
	}
	return m, enterRoot()
}

// serve mounts the host's files.
func (m *Mount) serve() error {
	server, err := fuse.NewServer(m.files, host, &fuse.MountOptions{
		DirectMountStrict: true, AllowOther: true, FsName: "host", Name: "kmodtest", Options: []string{"default_permissions", "ro"}, DisableXAttrs: true,
		MaxBackground: maxRequests / 2,
	})
	if err != nil {
		return err
	}
	// A file that the kernel does not take is read later.
	m.files.store = func(id uint64, content []byte) { _ = server.InodeNotifyStoreCache(id, 0, content) }
	go server.Serve()
	return server.WaitMount()
}

// overlay mounts all files, and moves the mounts of the guest there.
func (m *Mount) overlay(mounts []string) error {
	err := unix.Mount("tmpfs", upper, "tmpfs", 0, "mode=0755")
	for _, dir := range []string{"/files", "/work"} {
		if err == nil {
			err = os.Mkdir(upper+dir, 0o755)
		}
	}
	if err == nil {
		options := []string{"lowerdir=" + own + ":" + host, "upperdir=" + upper + "/files", "workdir=" + upper + "/work", "redirect_dir=on"}
		err = unix.Mount("overlay", root, "overlay", 0, strings.Join(options, ","))
	}
	if err == nil {
		m.layer, err = unix.Open(upper+"/files", unix.O_PATH|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return fmt.Errorf("mount a writable layer above the host's files: %w", err)
	}
	for _, dir := range mounts {
		fd, err := unix.Open(root+dir, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open %s: %w", dir, err)
		}
		m.below[dir] = fd
		if err := unix.Mount(dir, root+dir, "", unix.MS_MOVE, ""); err != nil {
			return fmt.Errorf("move the mount of %s: %w", dir, err)
		}
	}
	return nil
}

// enterRoot makes root the root directory of this process, its children, and the kernel.
func enterRoot() error {
	err := unix.Chdir(root)
	if err == nil {
		err = unix.Mount(".", "/", "", unix.MS_MOVE, "")
	}
	if err == nil {
		err = unix.Chroot(".")
	}
	if err == nil {
		err = unix.Chdir("/")
	}
	if err != nil {
		return fmt.Errorf("change the root directory: %w", err)
	}
	return nil
}

// Begin is called when there is a job. From then on, at the latest, the kernel may keep what
// it has read.
func (m *Mount) Begin() error {
	m.files.keep.Store(true)
	return m.client.Repeat()
}

// place returns where to store a file: if it is one of the host that the guest's own file
// systems hide, where Expose makes it visible, otherwise at name.
func (m *Mount) place(name string) string {
	for mounted, fd := range m.below {
		if rest, ok := strings.CutPrefix(name, mounted+"/"); ok {
			if _, err := m.client.stat(name); err == nil {
				return below(fd, rest)
			}
		}
	}
	return name
}

// below returns the path of a file in a directory that is open.
func below(fd int, name string) string { return fmt.Sprintf("/proc/self/fd/%d/%s", fd, name) }

// Expose makes a directory of the host visible in a file system of the guest that hides
// it.
func (m *Mount) Expose(dir string) error {
	for mounted, fd := range m.below {
		rest, ok := strings.CutPrefix(dir, mounted+"/")
		if !ok {
			continue
		}
		err := os.MkdirAll(dir, 0o755)
		if err == nil {
			err = unix.Mount(below(fd, rest), dir, "", unix.MS_BIND, "")
		}
		if err != nil {
			return fmt.Errorf("show %s of the host: %w", dir, err)
		}
	}
	return nil
}

// IsOfHost reports whether a file is as it is on the host.
func (m *Mount) IsOfHost(name string, info fs.FileInfo) bool {
	e, err := m.client.stat(filepath.Clean(name))
	return err == nil && e.Size == info.Size() && e.Time == info.ModTime().UnixNano()
}

// Untouched reports whether all files below a directory are as on the host: it is a directory
// of the host, and nothing was written there.
func (m *Mount) Untouched(dir string) bool {
	var root, here, written unix.Stat_t
	if unix.Stat("/", &root) != nil || unix.Stat(dir, &here) != nil || here.Dev != root.Dev { // such as a file system of the guest
		return false
	}
	if err := unix.Fstatat(m.layer, "."+filepath.Clean(dir), &written, unix.AT_SYMLINK_NOFOLLOW); !errors.Is(err, unix.ENOENT) {
		return false
	}
	e, err := m.client.stat(filepath.Clean(dir))
	return err == nil && e.Mode&unix.S_IFMT == unix.S_IFDIR
}

// mover moves the guest's own files to where they are among those of the host.
type mover struct {
	client *Client
	skip   []string
}

// move moves the entries of a directory.
func (m mover) move(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	target, missing, err := hostpath.Resolve(dir, func(name string) (wire.HostEntry, error) { return m.client.stat(name) })
	if err != nil {
		return fmt.Errorf("%s of the host: %w", dir, err)
	}
	if err := os.MkdirAll(own+target, 0o755); err != nil {
		return err
	}
	for _, entry := range entries {
		name := filepath.Join(dir, entry.Name())
		if slices.Contains(m.skip, name) {
			continue
		}
		to := filepath.Join(own+target, entry.Name())
		if _, absent := os.Lstat(to); entry.IsDir() && (!missing || absent == nil) {
			err = m.move(name)
		} else {
			err = os.Rename(name, to)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
