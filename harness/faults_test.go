//go:build faults

package harness_test

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/klog"
	"github.com/kmodtest/kmodtest/harness/testdata/crashes"
	"github.com/kmodtest/kmodtest/images"
	"github.com/kmodtest/kmodtest/images/arch"
)

// Each way to break the kernel is found with the expected kind and line, and is
// attributed only to its own test.
func TestEachWayToBreakTheKernel(t *testing.T) {
	kernels := strings.Split(*faultKernels, ",")
	bin, qemus := binary(t, "crashes"), listener(t, kernels...)
	marks := marks(t)
	var mu sync.Mutex
	found := documented(t, "ways") // by kernel and way; cells of ways that do not run now stay
	t.Run("kernels", func(t *testing.T) {
		for _, kernel := range kernels {
			_, goarch := images.SplitName(kernel)
			for _, way := range crashes.Ways {
				if !way.Runs(cmp.Or(goarch, arch.Host().Name)) {
					continue
				}
				t.Run(kernel+"/"+way.Name, func(t *testing.T) {
					t.Parallel()
					timeout := time.Minute
					if way.Slow {
						timeout = 4 * time.Minute
					}
					b := breakKernel(t, kernel, qemus, bin, way.Name, "^TestCrash$/^"+way.Name+"$", timeout)
					checkWay(t, kernel, way, b, marks)
					mu.Lock()
					defer mu.Unlock()
					found[kernel+" "+way.Name] = strings.Join(b.kinds(), ", ")
				})
			}
		}
	})
	table := "| way | " + strings.Join(kernels, " | ") + " |\n|---" + strings.Repeat("|---", len(kernels)) + "|\n"
	for _, way := range crashes.Ways {
		row, known := "| `"+way.Name+"` |", false
		for _, kernel := range kernels {
			kinds, ran := found[kernel+" "+way.Name]
			row, known = row+" "+kinds+" |", known || ran
		}
		if known {
			table += row + "\n"
		}
	}
	document(t, "ways", table)
	if slices.Contains(kernels, "debug") {
		document(t, "debug", onlyDebug(kernels, found))
	}
}

// onlyDebug lists the ways that only the debug kernel reports.
func onlyDebug(kernels []string, found map[string]string) string {
	byKind := map[string][]string{}
	for _, way := range crashes.Ways {
		others := slices.ContainsFunc(kernels, func(k string) bool { return k != "debug" && found[k+" "+way.Name] != "" })
		if kind := found["debug "+way.Name]; kind != "" && !others {
			byKind[kind] = append(byKind[kind], "`"+way.Name+"`")
		}
	}
	list := ""
	for _, kind := range slices.Sorted(maps.Keys(byKind)) {
		list += "- " + kind + ": " + strings.Join(byKind[kind], ", ") + "\n"
	}
	return list
}

func checkWay(t *testing.T, kernel string, way crashes.Way, b breakage, marks map[string][]string) {
	t.Helper()
	if line := b.unseen(); line != "" {
		t.Errorf("the kernel reported a fault that was not found: %s", line)
	}
	want := way.Kind(kernel)
	test := "TestCrash/" + way.Name
	switch {
	case want == "" && len(b.faults) == 0:
	case want == "":
		t.Errorf("found %v, want nothing", b.kinds())
	case !slices.Contains(b.kinds(), string(want)):
		t.Errorf("found %v, want %s", b.kinds(), want)
	case want != klog.Taint && !b.attributed(test+"/breaks"): // the time of a taint is unknown
		t.Errorf("the faults are attributed to %q", b.blamed)
	}
	if places := marks[way.Mark()]; want != "" && len(places) > 0 && way.Placed(kernel) && !namesLine(b.faults, places) {
		t.Errorf("no frame is at %q:\n%v", places, b.faults)
	}
	for _, harmless := range []string{"/before", "/after"} {
		if !slices.Contains(b.passed, test+harmless) && (!way.Endless || harmless != "/after") {
			t.Errorf("%s did not pass:\n%s", test+harmless, b.output)
		}
	}
}

// namesLine reports whether one of the frames is at one of the places.
func namesLine(faults []klog.Fault, places []string) bool {
	for _, f := range faults {
		for _, frame := range f.Frames {
			if slices.Contains(places, fmt.Sprintf("%s:%d", filepath.Base(frame.File), frame.Line)) {
				return true
			}
		}
	}
	return false
}

var mark = regexp.MustCompile(`/\* ([a-z-]+) \*/$`)

// marks returns the lines of the module that are marked with a way's name.
func marks(t *testing.T) map[string][]string {
	t.Helper()
	paths, err := filepath.Glob("testdata/crash/*.c")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(b), "\n") {
			if m := mark.FindStringSubmatch(line); m != nil {
				found[m[1]] = append(found[m[1]], fmt.Sprintf("%s:%d", filepath.Base(path), i+1))
			}
		}
	}
	return found
}
