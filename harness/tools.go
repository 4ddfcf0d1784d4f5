//go:build tools

package harness

// The harness builds these programs at run time. They are imported here so that go mod
// vendor includes them.
import (
	_ "github.com/kmodtest/kmodtest/harness/cmd/kmodtest-init"
	_ "github.com/kmodtest/kmodtest/harness/cmd/kmodtest-run"
)
