// Kmodtest-run is the host side of a run of tests. The harness builds it, and test
// binaries execute it; it is not for any other use.
package main

import (
	"os"

	"github.com/kmodtest/kmodtest/harness/internal/host"
)

func main() { os.Exit(host.Main()) }
