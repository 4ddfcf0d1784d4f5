// Package tsc makes the kernel of an emulated PC use the processor's time-stamp counter as its
// clock. Linux would not: it does not trust the counters of several processors of AMD, and on a
// busy host it measures their rate wrongly. QEMU shows all of them the host's counter, whose rate
// is known. Then programs read the clock without a system call, and the start of each further
// processor does not take the time in which its delay loop is measured.
package tsc

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/cpuinfo"
	"github.com/kmodtest/kmodtest/harness/internal/kernelinfo"
)

// host has the facts of a host; tests use their own.
type host struct {
	arch        string // runtime.GOARCH
	cpuinfo     string // path of /proc/cpuinfo
	clocksource string // path of the name of the clock that the host's kernel uses
}

var thisHost = host{
	arch:        runtime.GOARCH,
	cpuinfo:     cpuinfo.Path,
	clocksource: "/sys/devices/system/clocksource/clocksource0/current_clocksource",
}

// Parameters returns the parameters of the kernel that make it do so, under TCG. They are nil if the
// host's counter is not known to be steady, or if the kernel does not have them: tsc_early_khz is
// from Linux 5.8. hz is the kernel's CONFIG_HZ, or 0 if that is unknown.
func Parameters(release string, hz int) []string { return thisHost.parameters(release, hz) }

func (h host) parameters(release string, hz int) []string {
	mhz := h.rate()
	if mhz == 0 || kernelinfo.CompareReleases(release, "5.8") < 0 {
		return nil
	}
	args := []string{"tsc=reliable", fmt.Sprintf("tsc_early_khz=%d", mhz*1000)}
	if hz > 0 {
		args = append(args, fmt.Sprintf("lpj=%d", mhz*1_000_000/hz)) // loops of the delay in a tick: one for each step of the counter
	}
	return args
}

// steady are the clocks of a host's kernel that count by the time-stamp counter.
var steady = []string{"tsc", "kvm-clock", "hyperv_clocksource_tsc_page"}

// step is to what the rate is rounded. Hosts measure their own rate when they boot, so the last
// digits vary, and each rate has its own snapshots. The guest's kernel measures again while it runs,
// and takes what differs by less than a hundredth.
const step = 20

// rate returns about how often the host's counter counts in a microsecond, or 0 if it is not known
// to be steady.
func (h host) rate() int {
	clock, err := os.ReadFile(h.clocksource)
	flags := strings.Fields(cpuinfo.Field(h.cpuinfo, "flags"))
	if err != nil || h.arch != "amd64" || !slices.Contains(steady, strings.TrimSpace(string(clock))) ||
		!slices.Contains(flags, "constant_tsc") || !slices.Contains(flags, "nonstop_tsc") {
		return 0
	}
	// Linux calculates this from the counter's rate, and counts a loop as two instructions.
	mips, err := strconv.ParseFloat(cpuinfo.Field(h.cpuinfo, "bogomips"), 64)
	if rate := step * math.Round(mips/2/step); err == nil && rate >= 1000 && rate <= 50_000 {
		return int(rate)
	}
	return 0
}
