package bisect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// kernels is the space of a list of kernels. A point is its place in the list.
type kernels struct {
	list    []report.Kernel
	names   []string
	options Options
}

// Kernels finds the first kernel of a list on which the test fails. It passes on the first
// of the list and fails on the last.
func Kernels(ctx context.Context, list []report.Kernel, opt Options) (*Result, error) {
	k := &kernels{list: list, options: opt}
	for _, kernel := range list {
		if slices.Contains(k.names, kernel.Name) {
			return nil, fmt.Errorf("kernel %s is in the list twice", kernel.Name)
		}
		k.names = append(k.names, kernel.Name)
	}
	if len(list) < 2 {
		return nil, errors.New("name at least two kernels: one on which the test passes, first, and one on which it fails, last")
	}
	j, err := openJournal(opt.Output, fmt.Sprintf("# test: %s\n# kernels: %s\n", opt.Test, strings.Join(k.names, " ")))
	if err != nil {
		return nil, err
	}
	s := &search{space: k, Options: opt, good: k.names[0], bad: k.names[len(list)-1], journal: j}
	return s.run(ctx)
}

func (k *kernels) candidates(_ context.Context, good []string, bad string) (candidates, error) {
	return between(k.names, good, bad), nil
}

// title returns the name of a kernel, with its release and the version of its package once
// the test has run on it.
func (k *kernels) title(_ context.Context, id string) (string, error) {
	kernel := k.list[slices.Index(k.names, id)]
	if kernel.Release == "" {
		return kernel.Name, nil
	}
	return fmt.Sprintf("%s (%s)", kernel.Name, strings.Join(slices.DeleteFunc([]string{kernel.Release, kernel.Version}, func(s string) bool { return s == "" }), ", ")), nil
}

func (k *kernels) try(ctx context.Context, id string, log io.Writer) (*report.Report, error) {
	i := slices.Index(k.names, id)
	rep, err := runTest(ctx, k.options.Package, k.list[i], k.options, log)
	if rep != nil && len(rep.Kernels) == 1 {
		k.list[i] = rep.Kernels[0]
	}
	return rep, err
}
