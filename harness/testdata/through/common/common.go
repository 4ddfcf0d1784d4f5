// Package common starts the tests of other packages.
package common

import (
	"testing"

	"github.com/kmodtest/kmodtest/harness"
)

// Main runs tests in a guest that has the file next to this one.
func Main(m *testing.M) { harness.Main(m, harness.Config{Files: []string{"./beside"}}) }
