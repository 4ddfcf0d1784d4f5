// Package deep has tests that break the kernel in a function two calls deep.
package deep

import (
	"os"
	"testing"

	"github.com/kmodtest/kmodtest/harness"
)

func TestMain(m *testing.M) {
	harness.Main(m, harness.Config{Modules: []string{"../modules/deep"}})
}

// write makes the module do what a word says.
func write(t *testing.T, word string) {
	t.Helper()
	if err := os.WriteFile("/dev/deep", []byte(word), 0); err != nil {
		t.Fatal(err)
	}
}

func TestWorks(t *testing.T)  { write(t, "") }
func TestKernel(t *testing.T) { write(t, "fput") }

func TestFollows(t *testing.T) {
	for _, word := range []string{"works", "null"} {
		t.Run(word, func(t *testing.T) { write(t, word) })
	}
}
