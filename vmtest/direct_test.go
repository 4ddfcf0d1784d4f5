package vmtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// A moduleFile loads and unloads the module by bare system calls, for tests that
// do so thousands of times: nothing is put back at the test's end, so that is
// for the test to do.
type moduleFile struct{ path string }

// findModuleFile finds the module's file.
func findModuleFile(tb testing.TB) moduleFile {
	tb.Helper()
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		tb.Fatalf("ask for the kernel's release: %v", err)
	}
	m := moduleFile{filepath.Join("/lib/modules", unix.ByteSliceToString(name.Release[:]), "extra", module+".ko")}
	if _, err := os.Stat(m.path); err != nil {
		tb.Fatalf("find module: %v", err)
	}
	return m
}

// load loads the module with its commands from base on.
func (m moduleFile) load(base int32) error {
	file, err := os.Open(m.path)
	if err != nil {
		return fmt.Errorf("open module: %w", err)
	}
	defer file.Close()
	if err := unix.FinitModule(int(file.Fd()), fmt.Sprintf("base=%d", base), 0); err != nil {
		return fmt.Errorf("load module: %w", err)
	}
	return nil
}

// unload unloads the module, and does not wait for a call that is inside.
func (moduleFile) unload() error {
	for {
		// A signal of Go's scheduler may end the wait for others that load modules.
		switch err := unix.DeleteModule(module, unix.O_NONBLOCK); {
		case err == nil:
			return nil
		case !errors.Is(err, unix.EINTR):
			return fmt.Errorf("unload module: %w", err)
		}
	}
}

// A crew is some threads, each of which does its work until the crew is told to
// end. The first fault of any ends all, and so does the end of the test.
type crew struct {
	tb    testing.TB
	ended chan struct{}
	once  sync.Once
	group sync.WaitGroup
}

func newCrew(tb testing.TB) *crew {
	c := &crew{tb: tb, ended: make(chan struct{})}
	tb.Cleanup(func() {
		c.end()
		c.group.Wait()
	})
	return c
}

// start lets a thread do its work again and again.
func (c *crew) start(work func() error) {
	c.group.Go(func() {
		for !c.isEnded() {
			if err := work(); err != nil {
				c.tb.Errorf("under stress: %v", err)
				c.end()
			}
		}
	})
}

func (c *crew) isEnded() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// end tells all threads to end.
func (c *crew) end() { c.once.Do(func() { close(c.ended) }) }
