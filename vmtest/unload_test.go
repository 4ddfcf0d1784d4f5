package vmtest

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
	"github.com/kmodtest/kmodtest/kmod/uapi"
)

func TestUnloadRemovesCommands(t *testing.T) {
	s := newSocket(t)
	guest.UnloadModule(t, module)
	wantAbsent(t, s, "after unloading")
	wantAbsent(t, newSocket(t), "on a socket opened after unloading")
}

func TestUnloadWorksWithOpenSockets(t *testing.T) {
	var sockets []socket
	for _, p := range []protocol{rawSocket, udpSocket} {
		s := p.open(t)
		s.store(t, "a message")
		sockets = append(sockets, s)
	}
	guest.UnloadModule(t, module)
	for _, s := range sockets {
		wantAbsent(t, s, "after unloading")
	}
	guest.LoadModule(t, module)
	for _, s := range sockets {
		wantErrno(t, s.trySet("another message"), nil, "set on a socket that was opened before the module was loaded")
	}
}

func TestLoadStartsEveryNamespaceEmpty(t *testing.T) {
	s := newSocket(t)
	s.store(t, "before unloading")
	guest.UnloadModule(t, module)
	guest.LoadModule(t, module)
	if got := s.stats(t); got != (uapi.Stats{}) {
		t.Fatalf("counters after loading again: got %+v, want only zeros", got)
	}
	s.wantLast(t, "", "after loading again")
}

func TestLoadAndUnloadHundredTimes(t *testing.T) {
	s, file := newSocket(t), findModuleFile(t)
	reload(t) // also makes cleanup load the module, in whatever state the test ends
	for range 100 {
		wantErrno(t, file.unload(), nil, "unload")
		wantErrno(t, s.trySet("a message"), unix.ENOPROTOOPT, "set after unloading")
		wantErrno(t, file.load(uapi.SocketOpsBase), nil, "load again")
		s.store(t, "after loading again")
	}
	s.wantLast(t, "after loading again", "after 100 loads")
}

func TestUnloadDuringSetIsRefused(t *testing.T) {
	s := newSocket(t)
	slow := newSlowMemory(t)
	done := make(chan error, 1)
	go func() { done <- s.set(uapi.SocketOpsSet, slow.halfway(4), 8) }()
	slow.wait()
	wantErrno(t, guest.TryUnloadModule(t, module), unix.EWOULDBLOCK, "unload during a set")
	slow.fill("12345678")
	wantEnd(t, done, "set during an attempt to unload the module")
	s.wantLast(t, slow.before(4)+"1234", "after a set during an attempt to unload the module")
	guest.UnloadModule(t, module)
}

func TestUnloadDuringGetIsRefused(t *testing.T) {
	s := newSocket(t)
	slow := newSlowMemory(t)
	done := make(chan error, 1)
	go func() {
		_, err := s.get(uapi.SocketOpsGet, slow.halfway(4), int32(len(greeting)))
		done <- err
	}()
	slow.wait()
	wantErrno(t, guest.TryUnloadModule(t, module), unix.EWOULDBLOCK, "unload during a get")
	slow.fill("")
	wantEnd(t, done, "get during an attempt to unload the module")
	guest.UnloadModule(t, module)
}
