// Kmodtest-bench measures the time and memory of runs in machines, as ratios to a
// bare boot of the same kernel.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/kmodtest/kmodtest/harness/internal/bench"
)

func main() {
	rounds := flag.Int("rounds", 10, "measure for this many `rounds`")
	document := flag.String("document", "", "also put the tables into this `file`, between its marks")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	var tables bytes.Buffer
	err := bench.Run(ctx, io.MultiWriter(os.Stdout, &tables), os.Stderr, *rounds)
	stop()
	if err == nil && *document != "" {
		err = bench.Replace(*document, tables.Bytes())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kmodtest-bench:", err)
		os.Exit(1)
	}
}
