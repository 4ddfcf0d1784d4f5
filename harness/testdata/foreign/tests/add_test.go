package tests

import (
	"fmt"
	"os"
	"testing"
)

func TestPasses(t *testing.T) {
	text, err := os.ReadFile("testdata/file")
	if _, statErr := os.Stat("/run/kmodtest/guest"); err != nil || statErr != nil || string(text) != "brought\n" {
		t.Errorf("%q, %v, %v", text, err, statErr)
	}
	if Add(1, 2) != 3 {
		t.Error("1+2 is not 3")
	}
	t.Log("logged by a test that passes")
}

func TestPrints(*testing.T) { fmt.Print("printed without a newline") }

func TestSubtests(t *testing.T) {
	t.Run("passes", func(*testing.T) {})
	t.Run("skips", func(t *testing.T) { t.Skip("as always") })
}

func TestParallelOne(t *testing.T) {
	t.Parallel()
	t.Log("one\nof two lines")
}

func TestParallelTwo(t *testing.T) { t.Parallel() }

func TestFails(t *testing.T) {
	if os.Getenv("FOREIGN_FAILS") != "" {
		t.Run("inside", func(t *testing.T) { t.Error("fails on request") })
	}
}

func TestExits(*testing.T) {
	if os.Getenv("FOREIGN_EXITS") != "" {
		os.Exit(0)
	}
}

func TestPanics(*testing.T) {
	if os.Getenv("FOREIGN_PANICS") != "" {
		panic("panics on request")
	}
}

func ExampleAdd() {
	fmt.Println(Add(0, 2))
	// Output: 2
}
