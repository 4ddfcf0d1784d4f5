//go:build tools

package harness

// The programs that the harness builds at run time are named here, so that
// go mod vendor brings them along.
import (
	_ "github.com/kmodtest/kmodtest/harness/cmd/kmodtest-init"
	_ "github.com/kmodtest/kmodtest/harness/cmd/kmodtest-run"
)
