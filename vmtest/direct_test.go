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

// A moduleFile loads and unloads the module with plain system calls, for tests
// that do so thousands of times. Nothing is restored when the test ends; the test
// must do that.
type moduleFile struct{ path string }

// findModuleFile finds the module's file.
func findModuleFile(tb testing.TB) moduleFile {
	tb.Helper()
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		tb.Fatalf("get the kernel release: %v", err)
	}
	m := moduleFile{filepath.Join("/lib/modules", unix.ByteSliceToString(name.Release[:]), "extra", module+".ko")}
	if _, err := os.Stat(m.path); err != nil {
		tb.Fatalf("find module: %v", err)
	}
	return m
}

// load loads the module with its first command at base.
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

// unload unloads the module. It does not wait for calls in progress.
func (moduleFile) unload() error {
	for {
		// A signal of Go's scheduler may interrupt the wait for the lock of modules.
		switch err := unix.DeleteModule(module, unix.O_NONBLOCK); {
		case err == nil:
			return nil
		case !errors.Is(err, unix.EINTR):
			return fmt.Errorf("unload module: %w", err)
		}
	}
}

// workers is a group of goroutines, each of which repeats its work until end is
// called. The first error ends all of them, and so does the end of the test.
type workers struct {
	tb    testing.TB
	ended chan struct{}
	once  sync.Once
	group sync.WaitGroup
}

func newWorkers(tb testing.TB) *workers {
	c := &workers{tb: tb, ended: make(chan struct{})}
	tb.Cleanup(func() {
		c.end()
		c.group.Wait()
	})
	return c
}

// start starts a goroutine that repeats work.
func (c *workers) start(work func() error) {
	c.group.Go(func() {
		for !c.isEnded() {
			if err := work(); err != nil {
				c.tb.Errorf("under stress: %v", err)
				c.end()
			}
		}
	})
}

func (c *workers) isEnded() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// end makes all goroutines end.
func (c *workers) end() { c.once.Do(func() { close(c.ended) }) }
