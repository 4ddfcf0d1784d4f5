// Package explain shows the calls that led to the death of a kernel. The functions of the
// fault's call trace get probes in another machine, in which the test runs again by itself.
// The kernel prints what the probes have recorded when it dies.
package explain

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/kbuild"
	"github.com/kmodtest/kmodtest/harness/internal/klog/trace"
	"github.com/kmodtest/kmodtest/harness/internal/request"
)

// maxProbes is the largest number of functions that get a probe.
const maxProbes = 12

// Explanation is the second run of a test.
type Explanation struct {
	calls []call // the outermost first
}

// call is a function of the call trace.
type call struct {
	trace.Frame
	parameters []parameter // nil if they are unknown
}

// Explainer explains faults of a run's machines.
type Explainer struct {
	kernel  string            // path of the file that the machines boot, which may have BTF
	modules map[string]string // files with the debug information of modules, by the modules' names
}

// NewExplainer returns an explainer for a kernel and modules under test.
func NewExplainer(kernel string, built []*kbuild.Result) *Explainer {
	x := &Explainer{kernel, map[string]string{}}
	for _, result := range built {
		for _, m := range result.Modules {
			x.modules[m.Name] = m.Debug
		}
	}
	return x
}

// Explain returns the explanation of a fault with these frames, and nil if no function in
// them is of use.
func (x *Explainer) Explain(frames []trace.Frame) *Explanation {
	types := &types{modules: x.modules, kernel: x.kernel}
	e := &Explanation{}
	for _, f := range choose(frames) {
		e.calls = append([]call{{Frame: f, parameters: types.of(f)}}, e.calls...)
	}
	if len(e.calls) == 0 {
		return nil
	}
	return e
}

// maxInner is how many functions of the kernel that a module has called get probes.
const maxInner = 2

// choose returns the frames that get probes, the innermost first: those from the module's
// outermost to the place of the fault. Without a module, it returns the innermost ones.
func choose(frames []trace.Frame) []trace.Frame {
	var chosen []trace.Frame
	known := map[string]bool{}
	modular := -1 // the index of the last frame in a module
	for _, f := range frames {
		f.Function = strings.TrimSuffix(f.Function, ".cold")
		if f.Guess || known[f.Function+" "+f.Module] || f.Module == "" && trace.Reports(f.Function) {
			continue
		}
		known[f.Function+" "+f.Module] = true
		if f.Module == "" && modular < 0 && len(chosen) == maxInner && hasModule(frames) {
			chosen = chosen[1:]
		}
		chosen = append(chosen, f)
		if f.Module != "" {
			modular = len(chosen) - 1
		}
	}
	if modular >= 0 {
		chosen = chosen[:modular+1]
	}
	return chosen[:min(len(chosen), maxProbes)]
}

func hasModule(frames []trace.Frame) bool {
	for _, f := range frames {
		if f.Module != "" && !f.Guess {
			return true
		}
	}
	return false
}

// tracing is the directory of the guest with the files of tracefs.
const tracing = "/sys/kernel/tracing/"

// bufferKiB is how much the kernel records for each processor. All of it is printed on the
// console when the kernel dies.
const bufferKiB = "24"

// Settings returns what the guest writes before the test runs, as wire.Work has it.
func (e *Explanation) Settings() []string {
	all := []string{tracing + "buffer_size_kb " + bufferKiB}
	for i, c := range e.calls {
		all = append(all, tracing+"kprobe_events "+c.probe(i))
	}
	return append(all, tracing+"events/kmodtest/enable 1", "/proc/sys/kernel/ftrace_dump_on_oops 1")
}

// unnamed is how many arguments of a function with unknown parameters are recorded.
const unnamed = 3

// probe returns the line of kprobe_events for the call with that number.
func (c call) probe(number int) string {
	place := c.Function
	if c.Module != "" {
		place = c.Module + ":" + place
	}
	words := []string{fmt.Sprintf("p:kmodtest/e%d", number), place}
	if c.parameters == nil {
		for i := range unnamed {
			words = append(words, fmt.Sprintf("a%d=$arg%d:x64", i, i+1))
		}
	}
	for i, p := range c.parameters {
		words = append(words, fmt.Sprintf("a%d=$arg%d:%s", i, p.slot, p.kind))
		for k, f := range p.fields {
			words = append(words, fmt.Sprintf("a%d_%d=+%d($arg%d):%s", i, k, f.offset, p.slot, f.kind))
		}
	}
	return strings.Join(words, " ")
}

// Request returns the request that runs only the test with that name, once.
func Request(r request.Request, test string) request.Request {
	for _, name := range []string{
		"test.shuffle", "test.fuzz", "test.bench", "test.coverprofile", "test.cpuprofile", "test.memprofile", "test.blockprofile",
		"test.mutexprofile", "test.trace", "test.artifacts", "test.gocoverdir",
	} {
		r = r.Without(name)
	}
	r.CoverDir = ""
	var pattern []string
	for part := range strings.SplitSeq(test, "/") {
		pattern = append(pattern, "^"+regexp.QuoteMeta(part)+"$")
	}
	return r.With("test.run", strings.Join(pattern, "/")).With("test.count", "1").With("test.v", "true")
}
