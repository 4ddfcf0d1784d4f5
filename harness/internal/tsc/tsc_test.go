package tsc

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParametersTellRateOfSteadyCounter(t *testing.T) {
	t.Parallel()
	const info = "processor\t: 0\nmodel name\t: Some Processor\nflags\t\t: fpu tsc constant_tsc nonstop_tsc\nbogomips\t: 5199.99\n"
	usual := []string{"tsc=reliable", "tsc_early_khz=2600000"}
	for name, c := range map[string]struct {
		arch, clock, release string
		hz                   int
		info                 string
		want                 []string
	}{
		"known":                  {"amd64", "tsc", "6.1.0-50-cloud-amd64", 250, info, append(slices.Clone(usual), "lpj=10400000")},
		"unknown ticks":          {"amd64", "kvm-clock", "5.8.0", 0, info, usual},
		"rate is rounded":        {"amd64", "tsc", "6.1.0", 0, strings.Replace(info, "5199.99", "5188.02", 1), usual},
		"slow":                   {"amd64", "tsc", "6.1.0", 0, strings.Replace(info, "5199.99", "1600.00", 1), nil},
		"old kernel":             {"amd64", "tsc", "5.4.0-200-generic", 250, info, nil},
		"other architecture":     {"arm64", "tsc", "6.1.0", 250, info, nil},
		"the host mistrusts it":  {"amd64", "hpet", "6.1.0", 250, info, nil},
		"no clock":               {"amd64", "", "6.1.0", 250, info, nil},
		"stops":                  {"amd64", "tsc", "6.1.0", 250, strings.Replace(info, "nonstop_tsc", "", 1), nil},
		"varies":                 {"amd64", "tsc", "6.1.0", 250, strings.Replace(info, "constant_tsc", "", 1), nil},
		"no rate":                {"amd64", "tsc", "6.1.0", 250, strings.Replace(info, "bogomips", "mips", 1), nil},
		"impossible rate":        {"amd64", "tsc", "6.1.0", 250, strings.Replace(info, "5199.99", "0.00", 1), nil},
		"rate that is no number": {"amd64", "tsc", "6.1.0", 250, strings.Replace(info, "5199.99", "NaN", 1), nil},
	} {
		dir := t.TempDir()
		h := host{arch: c.arch, cpuinfo: filepath.Join(dir, "cpuinfo"), clocksource: filepath.Join(dir, "clocksource")}
		if err := os.WriteFile(h.cpuinfo, []byte(c.info), 0o600); err != nil {
			t.Fatal(err)
		}
		if c.clock != "" {
			if err := os.WriteFile(h.clocksource, []byte(c.clock+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := h.parameters(c.release, c.hz); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
