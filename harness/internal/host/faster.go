package host

import (
	"github.com/kmodtest/kmodtest/harness/internal/kernelargs"
	"github.com/kmodtest/kmodtest/harness/internal/kernelinfo"
	"github.com/kmodtest/kmodtest/harness/internal/modindex"
	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/tsc"
	"github.com/kmodtest/kmodtest/images"
)

// bootFaster gives a machine the parameters with which its kernel boots faster. What the user
// decides stays. It reports whether the kernel is to test cryptographic algorithms only after the
// boot: under TCG, the tests of its own take a tenth of that.
func bootFaster(m *qemu.Config, kernel *images.Kernel, modules *modindex.Index) (testCrypto bool) {
	if modules.IsBuiltin("cryptomgr") && !kernelargs.Has(m.KernelArgs, "cryptomgr.notests") {
		m.BootArgs, testCrypto = []string{"cryptomgr.notests=1"}, true
	}
	// With -icount, the counter of an emulated processor is not that of the host.
	if m.Arch == "amd64" && !m.HasOption("icount") && !kernelargs.Has(m.KernelArgs, "tsc", "notsc", "tsc_early_khz", "lpj", "clocksource") {
		m.EmulatedArgs = tsc.Parameters(kernel.Release, kernelinfo.HZ(kernel))
	}
	return testCrypto
}
