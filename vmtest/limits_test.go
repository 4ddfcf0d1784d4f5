package vmtest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// A process at its limit of open files can still use the sockets that it has.
func TestCallsNeedNoFileDescriptor(t *testing.T) {
	s := newSocket(t)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatalf("get the limit of open files: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Errorf("restore the limit of open files: %v", err)
		}
	})
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: limit.Max}); err != nil {
		t.Fatalf("set the limit of open files: %v", err)
	}
	_, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	wantErrno(t, err, unix.EMFILE, "open a socket with no more files allowed")
	s.store(t, "without files")
	s.wantLast(t, "without files", "with no more files allowed")
	if got, err := s.tryGet(uapi.SocketOpsGet); err != nil || got != greeting {
		t.Fatalf("greeting with no more files allowed: got %q and %s", got, errnoName(err))
	}
}

// A controlGroup is the directory of a control group.
type controlGroup string

// joinMemoryGroup moves the process into a new control group with a memory limit
// until the test ends. Memory that the process already has does not count.
func joinMemoryGroup(t *testing.T, limit int) controlGroup {
	t.Helper()
	const root = controlGroup("/sys/fs/cgroup")
	group := root + "/vmtest"
	root.write(t, "cgroup.subtree_control", "+memory")
	t.Cleanup(func() { root.write(t, "cgroup.subtree_control", "-memory") })
	if err := os.Mkdir(string(group), 0o755); err != nil {
		t.Fatalf("create control group: %v", err)
	}
	t.Cleanup(func() {
		if err := os.Remove(string(group)); err != nil {
			t.Errorf("remove control group: %v", err)
		}
	})
	group.write(t, "memory.max", strconv.Itoa(limit))
	group.write(t, "cgroup.procs", strconv.Itoa(os.Getpid()))
	t.Cleanup(func() { root.write(t, "cgroup.procs", strconv.Itoa(os.Getpid())) })
	return group
}

func (g controlGroup) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(string(g), name), []byte(text), 0); err != nil {
		t.Fatalf("set up control group: %v", err)
	}
}

// events returns the counter name in the group's memory.events.
func (g controlGroup) events(t *testing.T, name string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(string(g), "memory.events"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if count, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.Atoi(strings.TrimSpace(count))
			if err != nil {
				t.Fatalf("memory.events: %v", err)
			}
			return n
		}
	}
	t.Fatalf("memory.events has no %s: %q", name, text)
	return 0
}

// mapPages maps memory without populating it.
func mapPages(t *testing.T, size int) []byte {
	t.Helper()
	memory, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatalf("map memory: %v", err)
	}
	t.Cleanup(func() { _ = unix.Munmap(memory) })
	return memory
}

// If the control group of a process is at its memory limit, a get that needs a
// page reclaims another one. Here each get writes to a new page, while the rest
// of the memory is pages that the kernel may reclaim. Sets and new network
// namespaces work at the limit, too.
func TestCallsWorkAtLimitOfMemory(t *testing.T) {
	const limit, pages = 16 << 20, 1024
	s := newSocket(t)
	s.store(t, longest("m"))
	group := joinMemoryGroup(t, limit)
	idle := mapPages(t, limit)
	for i := 0; i < len(idle) && group.events(t, "max") == 0; i += 1 << 20 {
		piece := idle[i:][:1<<20]
		for at := 0; at < len(piece); at += unix.Getpagesize() {
			piece[at] = 1
		}
		if err := unix.Madvise(piece, unix.MADV_FREE); err != nil {
			t.Fatalf("mark memory as reclaimable: %v", err)
		}
	}
	before := group.events(t, "max")
	fresh := mapPages(t, pages*unix.Getpagesize())
	for at := 0; at < len(fresh); at += unix.Getpagesize() {
		page := fresh[at:][:uapi.SocketOpsMsgMax]
		_, err := s.get(uapi.SocketOpsLast, uintptr(unsafe.Pointer(&page[0])), uapi.SocketOpsMsgMax)
		if err != nil || string(page) != longest("m") {
			t.Fatalf("get at the memory limit: got %q and %s", page, errnoName(err))
		}
	}
	s.store(t, "at the limit")
	newSocket(t).wantLast(t, "", "in a namespace that was created at the memory limit")
	if hits := group.events(t, "max") - before; hits == 0 {
		t.Errorf("%d gets into new pages did not reach the memory limit", pages)
	}
	if kills := group.events(t, "oom"); kills != 0 {
		t.Errorf("the control group ran out of memory %d times", kills)
	}
}
