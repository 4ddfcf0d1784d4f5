// Package sample has tests that end and print in all ways. The tests of the packages
// that read test output run it with and without package events.
package sample

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/events"
	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if log := os.Getenv("SAMPLE_LOG"); log != "" {
		marks, err := inside.NewMarker(log, "sample")
		if err == nil {
			err = events.Tell(m, marks, nil, os.Getenv("SAMPLE_TURNS"))
		}
		if err != nil {
			fmt.Println("TELL:", err)
			os.Exit(3)
		}
	}
	os.Exit(m.Run())
}

func TestPasses(t *testing.T) {
	fmt.Println("printed by a test that passes")
	t.Log("logged by a test that passes")
	if testing.Verbose() != (flag.Lookup("test.v").Value.String() != "false") {
		t.Error("testing.Verbose differs from the flag")
	}
}

func TestFails(t *testing.T) {
	t.Log("logged\nin two lines")
	fmt.Print("printed without an end ")
	t.Error("this fails")
	fmt.Println("    indented as a log is")
}

func TestSkips(t *testing.T) { t.Skip("for a reason") }

func TestLogsAround(t *testing.T) {
	t.Log("before")
	t.Run("passes", func(t *testing.T) { t.Log("inside, and well") })
	t.Log("between")
	t.Run("fails", func(t *testing.T) {
		t.Cleanup(func() { t.Log("cleaning up") })
		t.Run("deep/er", func(t *testing.T) { t.Error("deep down") })
		t.Run("skips", func(t *testing.T) { t.SkipNow() })
	})
	t.Run("with spaces and ü", func(t *testing.T) { t.Fail() })
	t.Run(strings.Repeat("long", 100), func(t *testing.T) { t.Error("long") })
	t.Log("after")
}

func TestAllPassInside(t *testing.T) {
	for range 3 {
		t.Run("same name", func(t *testing.T) { t.Log("again") })
	}
	t.Attr("key", "value")
}

// TestParallel is the only parallel test that always runs: the order of several
// parallel tests varies.
func TestParallel(t *testing.T) {
	t.Parallel()
	t.Run("group", func(t *testing.T) {
		t.Run("one", func(t *testing.T) { t.Parallel(); t.Log("one"); t.Fail() })
		t.Log("the group has begun all")
	})
}

// TestPairFirst and TestPairSecond log one after the other, while both run. They do
// so only if SAMPLE_PAIR is set.
var pair = struct {
	both  sync.WaitGroup
	first chan struct{}
}{first: make(chan struct{})}

func TestPairFirst(t *testing.T) {
	if os.Getenv("SAMPLE_PAIR") == "" {
		return
	}
	pair.both.Add(2)
	t.Parallel()
	pair.both.Done()
	pair.both.Wait()
	t.Error("said by the first")
	close(pair.first)
}

func TestPairSecond(t *testing.T) {
	if os.Getenv("SAMPLE_PAIR") == "" {
		return
	}
	t.Parallel()
	pair.both.Done()
	<-pair.first
	t.Error("said by the second")
}

func TestWritesToItsOutput(t *testing.T) {
	fmt.Fprintln(t.Output(), "written")
	fmt.Fprint(t.Output(), "without an end")
}

func TestStopsParent(t *testing.T) {
	t.Run("inner", func(inner *testing.T) { t.FailNow() })
	t.Log("never")
}

func TestPanicsIfAsked(t *testing.T) {
	if os.Getenv("SAMPLE_PANIC") == "" {
		return
	}
	t.Log("about to")
	t.Run("inner", func(t *testing.T) {
		t.Log("panic")
		panic("as asked")
	})
}

func FuzzSeeds(f *testing.F) {
	f.Add(1)
	f.Add(2)
	f.Fuzz(func(t *testing.T, n int) { t.Log("seed", n) })
}

func ExamplePrint() {
	fmt.Println("an example")
	// Output: an example
}

func BenchmarkNothing(b *testing.B) {
	for b.Loop() {
	}
}
