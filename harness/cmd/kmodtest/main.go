// Kmodtest answers questions about the kernels that tests can run on. Running
// them needs no command of its own: that is what go test does.
package main

import (
	"context"
	"os"

	"github.com/kmodtest/kmodtest/harness/internal/cli"
)

func main() { os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }
