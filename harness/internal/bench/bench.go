// Package bench measures the time and memory of runs in machines, as ratios to a
// bare boot of the same kernel.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// measure is a measurement that is taken once a round, in seconds.
type measure struct {
	name string
	take func(context.Context) (float64, error)
}

// rowSpec is a row of the table: a measure, or a value that is calculated from
// several measures of the same round.
type rowSpec struct {
	name string
	of   func(round map[string]float64) float64
}

// Names of measures.
const (
	bare       = "bare boot"
	bareELF    = "bare boot of the unpacked kernel"
	native     = "empty test, natively"
	restored   = "empty test, restored"
	booted     = "empty test, without snapshot"
	uploadNone = "upload, binary only"
	upload8    = "upload, binary and 8 MB"
	uploadOf8  = "upload of 8 MB"
	fresh4     = "4 tests in fresh mode"
	fresh12    = "12 tests in fresh mode"
	native1000 = "1,000 empty tests, natively"
	one1000    = "1,000 empty tests, restored"
	nothing    = "Go program that ends at once, restored"
	plain1000  = "1,000 empty tests without events and marks, restored"
)

// rows are the rows of the table; the others are compared with the first.
var rows = []rowSpec{
	just(bare), just(bareELF), just(native), just(restored), just(booted),
	{"each further test in fresh mode", func(m map[string]float64) float64 { return (m[fresh12] - m[fresh4]) / 8 }},
	{uploadOf8, func(m map[string]float64) float64 { return m[upload8] - m[uploadNone] }},
	just(native1000), just(one1000),
	// What no change of the harness can save.
	just(nothing), just(plain1000),
}

func just(name string) rowSpec {
	return rowSpec{name, func(m map[string]float64) float64 { return m[name] }}
}

// Run takes all measures in each of a number of rounds, and writes tables in
// Markdown to w and messages to progress. It requires the go command, and a
// working directory inside this module.
func Run(ctx context.Context, w, progress io.Writer, rounds int) error {
	dir, err := os.MkdirTemp("", "kmodtest-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b, err := prepare(ctx, dir)
	if err != nil {
		return err
	}
	measures, rows := b.measures(), b.rows()
	var table []row
	for _, spec := range rows {
		table = append(table, row{name: spec.name})
	}
	for round := range rounds + 1 { // the first round fills caches
		if round > 0 {
			say(progress, "round %d of %d", round, rounds)
		}
		took := map[string]float64{}
		for _, m := range measures {
			if took[m.name], err = m.take(ctx); err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
		}
		if round == 0 {
			continue
		}
		for i, spec := range rows {
			table[i].seconds = append(table[i].seconds, spec.of(took))
		}
	}
	say(progress, "memory of machines")
	memories, err := b.memories(ctx)
	if err != nil {
		return err
	}
	return errors.Join(b.describe(ctx, w, rounds), writeTimes(w, table), writeMemory(w, memories))
}

func say(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, "kmodtest-bench: "+format+"\n", args...) // there is no other place to report an error
}
