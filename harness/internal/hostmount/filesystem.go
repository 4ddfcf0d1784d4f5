package hostmount

import (
	"errors"
	"path"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// validity is how long the kernel uses attributes and names of files without asking again.
const validity = time.Second

// fileSystem is a read-only file system with the host's files.
type fileSystem struct {
	fuse.RawFileSystem
	client *Client
	nodes  *nodes
	// keep reports that the kernel may keep what it has read. Before a job's first file it
	// may not: the host of a restored machine may have other files.
	keep  atomic.Bool
	ahead ahead
	// store gives the kernel the whole content of a file.
	store func(id uint64, content []byte)

	mu   sync.Mutex
	last uint64 // number of an open directory
	open map[uint64][]wire.HostEntry
}

func newFileSystem(client *Client) *fileSystem {
	return &fileSystem{RawFileSystem: fuse.NewDefaultRawFileSystem(), client: client, nodes: newNodes(), open: map[uint64][]wire.HostEntry{}}
}

// status returns the status of an error.
func status(err error) fuse.Status {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return fuse.Status(errno)
	}
	return fuse.ToStatus(err)
}

// fill fills in the attributes of a file.
func fill(out *fuse.Attr, id uint64, e wire.HostEntry) {
	at := time.Unix(0, e.Time)
	*out = fuse.Attr{
		Ino: id, Size: uint64(e.Size), Blocks: (uint64(e.Size) + 511) / 512, Mode: e.Mode, Nlink: 1,
		Owner: fuse.Owner{Uid: uint32(e.UID), Gid: uint32(e.GID)}, Blksize: 4096,
	}
	out.SetTimes(&at, &at, &at)
}

// enter fills in the answer to a lookup.
func (f *fileSystem) enter(out *fuse.EntryOut, name string, e wire.HostEntry) {
	id := f.nodes.remember(name, e)
	*out = fuse.EntryOut{NodeId: id, Generation: 1}
	if f.keep.Load() {
		out.SetEntryTimeout(validity)
		out.SetAttrTimeout(validity)
	}
	fill(&out.Attr, id, e)
}

// Lookup finds a file in a directory.
func (f *fileSystem) Lookup(_ <-chan struct{}, header *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	name = path.Join(f.nodes.path(header.NodeId), name)
	e, err := f.client.stat(name)
	if err != nil {
		return status(err)
	}
	f.enter(out, name, e)
	return fuse.OK
}

// GetAttr returns the attributes of a file.
func (f *fileSystem) GetAttr(_ <-chan struct{}, input *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	e, err := f.client.stat(f.nodes.path(input.NodeId))
	if err != nil {
		return status(err)
	}
	if f.keep.Load() {
		out.SetTimeout(validity)
	}
	fill(&out.Attr, input.NodeId, e)
	return fuse.OK
}

// Forget is called when the kernel has dropped references to a file.
func (f *fileSystem) Forget(id, lookups uint64) { f.nodes.forget(id, lookups) }

// Readlink returns the target of a symbolic link.
func (f *fileSystem) Readlink(_ <-chan struct{}, header *fuse.InHeader) ([]byte, fuse.Status) {
	if target, ok := f.nodes.link(header.NodeId); ok {
		return []byte(target), fuse.OK
	}
	return nil, fuse.EINVAL
}

// Open makes the kernel open files without further requests, and keep what it has read of
// them until their attributes change.
func (*fileSystem) Open(<-chan struct{}, *fuse.OpenIn, *fuse.OpenOut) fuse.Status { return fuse.ENOSYS }

// Flush makes the kernel close files without further requests.
func (*fileSystem) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.ENOSYS }

// Read reads a piece of a regular file.
func (f *fileSystem) Read(_ <-chan struct{}, input *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	name := f.nodes.path(input.NodeId)
	if input.Offset == 0 && f.keep.Load() {
		if size := f.ahead.next(name); size > 0 {
			defer f.readAhead(name, size)() // at the same time as the file itself
		}
	}
	n := 0
	for n < len(buf) {
		size := min(len(buf)-n, wire.MaxPiece)
		a, err := f.client.Ask(wire.HostRequest{Op: wire.HostRead, Path: name, Offset: int64(input.Offset) + int64(n), Size: size})
		if err != nil {
			return nil, status(err)
		}
		n += copy(buf[n:], a.Data)
		if len(a.Data) < size {
			break
		}
	}
	return fuse.ReadResultData(buf[:n]), fuse.OK
}

// OpenDir reads a directory.
func (f *fileSystem) OpenDir(_ <-chan struct{}, input *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	entries, err := f.client.list(f.nodes.path(input.NodeId))
	if err != nil {
		return status(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	f.open[f.last] = append([]wire.HostEntry{{Name: ".", Mode: unix.S_IFDIR}, {Name: "..", Mode: unix.S_IFDIR}}, entries...)
	out.Fh = f.last
	return fuse.OK
}

// ReleaseDir forgets an open directory.
func (f *fileSystem) ReleaseDir(input *fuse.ReleaseIn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.open, input.Fh)
}

// entries returns the entries of an open directory from a place on.
func (f *fileSystem) entries(input *fuse.ReadIn) []wire.HostEntry {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.open[input.Fh]
	return all[min(input.Offset, uint64(len(all))):]
}

// ReadDir returns entries of an open directory.
func (f *fileSystem) ReadDir(_ <-chan struct{}, input *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	for i, e := range f.entries(input) {
		if !out.AddDirEntry(fuse.DirEntry{Name: e.Name, Mode: e.Mode, Off: input.Offset + uint64(i) + 1}) {
			break
		}
	}
	return fuse.OK
}

// ReadDirPlus returns entries of an open directory with their attributes, which saves
// lookups.
func (f *fileSystem) ReadDirPlus(_ <-chan struct{}, input *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	dir := f.nodes.path(input.NodeId)
	for i, e := range f.entries(input) {
		entry := out.AddDirLookupEntry(fuse.DirEntry{Name: e.Name, Mode: e.Mode, Off: input.Offset + uint64(i) + 1})
		if entry == nil {
			break
		}
		if e.Name != "." && e.Name != ".." {
			f.enter(entry, path.Join(dir, e.Name), e)
		}
	}
	return fuse.OK
}

// StatFs returns the limits of the file system.
func (*fileSystem) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	out.Bsize, out.NameLen = 4096, 255
	return fuse.OK
}
