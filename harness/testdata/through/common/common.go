// Package common is what several packages of tests share.
package common

import (
	"testing"

	"github.com/kmodtest/kmodtest/harness"
)

// Main runs tests in a guest in which a file beside this one is.
func Main(m *testing.M) { harness.Main(m, harness.Config{Files: []string{"./beside"}}) }
