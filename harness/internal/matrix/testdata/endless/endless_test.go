// Package endless holds a test that ends only with its machine.
package endless

import (
	"testing"

	"github.com/kmodtest/kmodtest/harness"
)

func TestMain(m *testing.M) { harness.Main(m, harness.Config{}) }

func TestPassesFirst(t *testing.T) { t.Log("what comes next does not end") }

func TestDoesNotEnd(*testing.T) { select {} }
