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
	"strings"
	"syscall"

	"github.com/kmodtest/kmodtest/harness/internal/bench"
)

func main() {
	rounds := flag.Int("rounds", 10, "measure for this many `rounds`")
	kernels := flag.String("kernels", os.Getenv("KMODTEST_KERNEL"), "measure with these `kernels`, separated by commas; the default is KMODTEST_KERNEL")
	document := flag.String("document", "", "also put the tables into this `file`, between its marks")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	var tables bytes.Buffer
	err := measure(ctx, io.MultiWriter(os.Stdout, &tables), *rounds, strings.Split(*kernels, ","))
	stop()
	if err == nil && *document != "" {
		err = bench.Replace(*document, tables.Bytes())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kmodtest-bench:", err)
		os.Exit(1)
	}
}

// measure writes the tables of each kernel.
func measure(ctx context.Context, w io.Writer, rounds int, kernels []string) error {
	for i, kernel := range kernels {
		if err := os.Setenv("KMODTEST_KERNEL", kernel); err != nil { // the runs that are measured read it
			return err
		}
		if i > 0 {
			if _, err := io.WriteString(w, "\n"); err != nil {
				return err
			}
		}
		if err := bench.Run(ctx, w, os.Stderr, rounds); err != nil {
			return err
		}
	}
	return nil
}
