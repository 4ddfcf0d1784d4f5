package hardware

import (
	"cmp"
	"fmt"

	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/images"
	"github.com/kmodtest/kmodtest/images/arch"
)

// KernelName returns the name of the kernel of a run, which includes its architecture if that is not the host's, and the
// architecture that the user wants; "" if the kernel decides. kernel and goarch are KMODTEST_KERNEL and KMODTEST_ARCH, which
// take precedence over the configuration.
func KernelName(c request.Config, kernel, goarch string) (name, wanted string, err error) {
	if err := agree("KMODTEST_KERNEL", kernel, "KMODTEST_ARCH", goarch); err != nil {
		return "", "", err
	}
	if err := agree("harness.Config: Kernel", c.Kernel, "Arch", c.Arch); err != nil {
		return "", "", err
	}
	if c.Arch != "" {
		if _, err := arch.Find(c.Arch); err != nil {
			return "", "", fmt.Errorf("harness.Config: Arch: %w", err)
		}
	}
	_, inVariable := images.SplitName(kernel)
	row, inConfig := images.SplitName(cmp.Or(kernel, c.Kernel))
	wanted = cmp.Or(goarch, inVariable, c.Arch, inConfig)
	return images.WithArch(row, wanted), wanted, nil
}

// agree returns an error if a kernel's name has another architecture than the one that a variable or field has.
func agree(of, name, and, goarch string) error {
	_, own := images.SplitName(name)
	if own == "" || goarch == "" || own == goarch {
		return nil
	}
	return fmt.Errorf("%s is %s, and %s is %s: name one architecture", of, name, and, goarch)
}
