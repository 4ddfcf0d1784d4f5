// Package counted has tests that execute each line of a module equally often in each run.
package counted

import (
	"errors"
	"flag"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness"
	"github.com/kmodtest/kmodtest/harness/guest"
)

var module = flag.String("module", "../modules/counted", "the `directory` with the sources of the module")

func TestMain(m *testing.M) {
	flag.Parse()
	harness.Main(m, harness.Config{Modules: []string{*module}})
}

func write(t *testing.T, text string, want error) {
	t.Helper()
	if err := os.WriteFile("/dev/counted", []byte(text), 0); !errors.Is(err, want) {
		t.Errorf("write of %q: %v, want %v", text, err, want)
	}
}

func TestSums(t *testing.T) {
	for text, want := range map[string]error{
		"1": nil, "12+3\n": nil, "5-20": nil, "999": nil, "++": unix.ERANGE, "1+x": unix.EINVAL, "a long text, more than 32 bytes": unix.EINVAL,
		"a text that is longer than all that fits": unix.E2BIG,
	} {
		write(t, text, want)
	}
}

// TestSumsAtOnce counts on several processors at the same time.
func TestSumsAtOnce(t *testing.T) {
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 200 {
				write(t, "12+345-6", nil)
			}
		})
	}
	all.Wait()
}

func TestInterrupts(t *testing.T) { write(t, "!", nil) }

func TestLoads(t *testing.T) {
	guest.UnloadModule(t, "counted") // cleanup loads it again
	for range 3 {
		if err := guest.TryLoadModule(t, "counted", "refuse=1"); !errors.Is(err, unix.EINVAL) {
			t.Errorf("load: %v, want %v", err, unix.EINVAL)
		}
	}
}
