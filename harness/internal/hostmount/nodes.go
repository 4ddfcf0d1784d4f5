package hostmount

import (
	"sync"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// nodes are the files that the kernel knows by a number. The methods may be called by
// several goroutines at once.
type nodes struct {
	mu     sync.Mutex
	byID   map[uint64]*node
	byPath map[string]*node
	last   uint64
}

// node is a file.
type node struct {
	id      uint64
	path    string
	kind    uint32 // the type in st_mode
	lookups uint64 // that the kernel has not forgotten
	link    string // target of a symbolic link
	size    int64  // as the kernel knows it, and time, too
	time    int64
}

func newNodes() *nodes {
	root := &node{id: fuse.FUSE_ROOT_ID, path: "/", kind: unix.S_IFDIR, lookups: 1}
	return &nodes{last: root.id, byID: map[uint64]*node{root.id: root}, byPath: map[string]*node{root.path: root}}
}

// path returns the path of a file.
func (t *nodes) path(id uint64) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.byID[id]; n != nil {
		return n.path
	}
	return "" // which the host refuses
}

// link returns the target of a symbolic link.
func (t *nodes) link(id uint64) (target string, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.byID[id]
	if n == nil || n.kind != unix.S_IFLNK {
		return "", false
	}
	return n.link, true
}

// unchanged returns the number of a file that the kernel knows with these attributes.
func (t *nodes) unchanged(name string, e wire.HostEntry) (id uint64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.byPath[name]
	if n == nil || n.kind != e.Mode&unix.S_IFMT || n.size != e.Size || n.time != e.Time {
		return 0, false
	}
	return n.id, true
}

// remember returns the number of a file, which the kernel then knows. A file has the same
// number as long as its type is the same.
func (t *nodes) remember(name string, e wire.HostEntry) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.byPath[name]
	if n == nil || n.kind != e.Mode&unix.S_IFMT {
		t.last++
		n = &node{id: t.last, path: name, kind: e.Mode & unix.S_IFMT}
		t.byID[n.id], t.byPath[name] = n, n
	}
	n.lookups++
	n.link, n.size, n.time = e.Link, e.Size, e.Time
	return n.id
}

// forget drops references to a file that the kernel has dropped.
func (t *nodes) forget(id, lookups uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.byID[id]
	if n == nil || id == fuse.FUSE_ROOT_ID {
		return
	}
	if n.lookups -= min(n.lookups, lookups); n.lookups > 0 {
		return
	}
	delete(t.byID, id)
	if t.byPath[n.path] == n {
		delete(t.byPath, n.path)
	}
}
