// Kmodtest-bench measures what a run in a machine costs, as ratios to a bare
// boot of the same kernel.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/kmodtest/kmodtest/harness/internal/bench"
)

func main() {
	rounds := flag.Int("rounds", 10, "measure for this many `rounds`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := bench.Run(ctx, os.Stdout, *rounds)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "kmodtest-bench:", err)
		os.Exit(1)
	}
}
