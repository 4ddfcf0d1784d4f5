//go:build kvm

package nested

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
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
		KernelModules: []string{"kvm_amd"},
		Memory:        3000, // MiB; under 3.5 GiB, where QEMU splits it
	}
	if !inside.Guest() && flag.Lookup("test.list").Value.String() == "" {
		archive, err := preparePack(context.Background())
		if err != nil {
			fmt.Fprintln(os.Stderr, "cannot prepare the outer machine:", err)
			os.Exit(1)
		}
		config.Files = []string{archive}
		// Another accelerator would need another module, and be another test.
		if err := os.Setenv("KMODTEST_ACCEL", "tcg"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	harness.Main(m, config)
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
