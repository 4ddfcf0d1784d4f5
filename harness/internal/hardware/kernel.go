package hardware

import (
	"cmp"
	"fmt"

	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/images"
)

// KernelName returns the name of the kernel of a run, which includes its architecture if that is not the host's, and the
// architecture that the user wants; "" if the kernel decides. kernel and goarch are KMODTEST_KERNEL and KMODTEST_ARCH, which
// take precedence over the configuration.
func KernelName(c request.Config, kernel, goarch string) (name, wanted string, err error) {
	if _, own := images.SplitName(kernel); own != "" && goarch != "" && own != goarch {
		return "", "", fmt.Errorf("KMODTEST_KERNEL is %s, and KMODTEST_ARCH is %s: name one architecture", kernel, goarch)
	}
	row, own := images.SplitName(cmp.Or(kernel, c.Kernel))
	wanted = cmp.Or(goarch, own)
	return images.WithArch(row, wanted), wanted, nil
}
