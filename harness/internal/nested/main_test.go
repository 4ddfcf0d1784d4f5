//go:build kvm

package nested

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness"
	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/images/cache"
)

// The outer machine is the one that this package's tests run in; inner machines
// are those that they start in it.

func TestMain(m *testing.M) {
	flag.Parse()
	config := harness.Config{
		Memory:     3000, // MiB; under 3.5 GiB, where QEMU splits it
		KernelArgs: []string{oneProcessor},
		Devices:    nestedPaging,
	}
	if !inside.Guest() && flag.Lookup("test.list").Value.String() == "" {
		archive, err := preparePack(context.Background())
		if err != nil {
			fmt.Fprintln(os.Stderr, "cannot prepare the outer machine:", err)
			os.Exit(1)
		}
		config.Files = []string{archive}
		for name, value := range map[string]string{
			"KMODTEST_ACCEL":    "tcg", // another accelerator would need another module, and be another test
			"KMODTEST_SNAPSHOT": "off", // a restored machine translates all code again, see held
		} {
			if err := os.Setenv(name, value); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
	}
	harness.Main(m, config)
}

// nestedPaging hides a feature of SVM in QEMU 7: with it, QEMU corrupts the state of
// the outer machine or of inner ones about once a minute. Under QEMU 10.0, no inner
// machine starts without it.
func nestedPaging() (arguments, kernelArgs []string, err error) {
	version, err := versionOf(cmp.Or(os.Getenv("KMODTEST_QEMU"), "qemu-system-x86_64"))
	if err != nil || !strings.HasPrefix(version, "7.") {
		return nil, nil, err
	}
	return []string{"-global", "max-x86_64-cpu.npt=off"}, nil, nil
}

// preparePack makes the archive for the outer machine, and hands its place on.
func preparePack(ctx context.Context) (string, error) {
	dir, err := cache.Dir()
	if err != nil {
		return "", err
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		return "", err
	}
	p := place{Dir: filepath.Join(dir, "nested"), Root: root}
	if err := p.setVersions(); err != nil {
		return "", err
	}
	if err := os.Setenv(dirVariable, p.Dir); err != nil {
		return "", err
	}
	if err := os.Setenv(rootVariable, p.Root); err != nil {
		return "", err
	}
	return p.pack(ctx)
}
