//go:build tools

package harness

// The program that the harness builds at run time is named here, so that the
// go.sum of a module that uses the harness covers it.
import _ "github.com/kmodtest/kmodtest/harness/cmd/kmodtest-init"
