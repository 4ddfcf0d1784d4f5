// Kmodtest tells of the kernels that tests can run on, runs tests on many of
// them, joins the reports of that, and finds faults in kernels' logs. Running
// tests on one kernel needs no command of its own: that is what go test does.
package main

import (
	"context"
	"os"

	"github.com/kmodtest/kmodtest/harness/internal/cli"
)

func main() { os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }
