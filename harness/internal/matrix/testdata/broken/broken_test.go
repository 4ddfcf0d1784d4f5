// Package broken has a test that does not compile.
package broken

import (
	"testing"

	"github.com/kmodtest/kmodtest/harness"
)

func TestMain(m *testing.M) { harness.Main(m, harness.Config{}) }

func TestUsesNothing(t *testing.T) { thisIsNotDeclared(t) }
