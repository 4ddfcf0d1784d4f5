// Kmodtest-run leads a run of tests on the host. The harness builds it, and test
// binaries turn into it; it is of no use anywhere else.
package main

import (
	"os"

	"github.com/kmodtest/kmodtest/harness/internal/host"
)

func main() { os.Exit(host.Main()) }
