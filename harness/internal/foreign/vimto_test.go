//go:build foreign

package foreign

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/images"
)

var vimto = flag.String("vimto", "vimto", "the program vimto")

// A contest is a test binary that runs with kmodtest and with vimto, in turns.
type contest struct {
	name, dir, binary string
	args              []string
	most              float64 // of vimto's time
}

// contestKernel has what vimto needs, and the virtual machines of both have two processors
// and 512 MiB of memory.
const contestKernel = "6.12-vimto"

// A warm run takes less time than with vimto on the same kernel. docs/performance.md says
// where that time goes.
func TestRunsTakeLessTimeThanVimtos(t *testing.T) {
	const rounds = 7
	other, err := exec.LookPath(*vimto)
	if err != nil {
		t.Fatalf("%v: install it as its README says, or name it: make vimto VIMTO=PATH", err)
	}
	if other, err = filepath.Abs(other); err != nil {
		t.Fatal(err)
	}
	kernel, err := images.Resolve(t.Context(), contestKernel, images.Options{Progress: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	program := buildKmodtest(t)
	features := fetch(t, "github.com/cilium/ebpf", "v0.22.0")
	for _, c := range []contest{
		{"one trivial test", compiled(t, "../../testdata/foreign/cost"), "cost.test", []string{"-test.run=ReadsNone"}, 0.4},
		{"cilium/ebpf/features", compiled(t, filepath.Join(features, "features")), "features.test", nil, 0.75},
	} {
		binary := filepath.Join(c.dir, c.binary)
		args := slices.Concat([]string{binary}, c.args, []string{"-test.v"})
		commands := [2][]string{
			slices.Concat([]string{program, "exec", "--kernel", contestKernel}, args),
			slices.Concat([]string{other, "-kernel", kernel.Boot, "-smp", "cpus=2", "-memory", "size=512M", "exec", "--"}, args),
		}
		var took [2][]time.Duration
		var ends [2][]string
		for round := range rounds + 1 {
			for i, command := range commands {
				timed(t, c.dir, command) // the host may have to find memory that the other one gave back
				elapsed, got := timed(t, c.dir, command)
				if round > 0 { // the first one fills caches
					took[i] = append(took[i], elapsed)
				}
				ends[i] = got
			}
			if !slices.Equal(ends[0], ends[1]) {
				t.Fatalf("%s: results differ\nkmodtest: %q\nvimto: %q", c.name, ends[0], ends[1])
			}
		}
		ours, theirs := median(took[0]), median(took[1])
		ratio := ours.Seconds() / theirs.Seconds()
		t.Logf("%s, %d results: kmodtest %.2f s, from %.2f to %.2f; vimto %.2f s, from %.2f to %.2f; ratio of medians %.2f", c.name, len(ends[0]),
			ours.Seconds(), slices.Min(took[0]).Seconds(), slices.Max(took[0]).Seconds(),
			theirs.Seconds(), slices.Min(took[1]).Seconds(), slices.Max(took[1]).Seconds(), ratio)
		if ratio > c.most {
			t.Errorf("%s: the ratio is more than %.2f", c.name, c.most)
		}
	}
}

// compiled builds the test binary of a package into its directory, and returns that.
func compiled(t *testing.T, dir string) string {
	t.Helper()
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "test", "-c", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the tests in %s: %v\n%s", dir, err, out)
	}
	t.Cleanup(func() { os.Remove(filepath.Join(dir, filepath.Base(dir)+".test")) })
	return dir
}

var ended = regexp.MustCompile(`(?m)^ *--- (PASS|FAIL|SKIP): \S+`)

// timed runs a command without KVM, and returns its time and the ends of the tests.
func timed(t *testing.T, dir string, command []string) (time.Duration, []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "KMODTEST_ACCEL=tcg", "VIMTO_DISABLE_KVM=true")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	err := cmd.Run()
	elapsed := time.Since(began)
	var exit *exec.ExitError
	ends := ended.FindAllString(out.String(), -1)
	if err != nil && !errors.As(err, &exit) || len(ends) == 0 {
		t.Fatalf("%q: %v\n%s", command, err, &out)
	}
	slices.Sort(ends)
	return elapsed, ends
}

func median(times []time.Duration) time.Duration {
	times = slices.Sorted(slices.Values(times))
	return times[len(times)/2]
}
