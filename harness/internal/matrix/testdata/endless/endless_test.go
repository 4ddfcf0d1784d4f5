// Package endless has a test that does not end.
package endless

import (
	"testing"

	"github.com/kmodtest/kmodtest/harness"
)

func TestMain(m *testing.M) { harness.Main(m, harness.Config{}) }

func TestPassesFirst(t *testing.T) { t.Log("the next test does not end") }

func TestDoesNotEnd(*testing.T) { select {} }
