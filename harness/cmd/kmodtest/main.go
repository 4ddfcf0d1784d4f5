// Kmodtest manages the kernels that tests run on, runs tests on many of them,
// joins the reports, and finds faults in kernel logs. To run tests on one kernel,
// use go test.
package main

import (
	"context"
	"os"

	"github.com/kmodtest/kmodtest/harness/internal/cli"
)

func main() { os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }
