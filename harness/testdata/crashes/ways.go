// Package crashes holds the tests of the module that breaks the kernel, and a
// table of the ways in which it does so.
package crashes

import (
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/klog"
)

// Way is one way in which the module breaks the kernel.
type Way struct {
	Name string
	// Seconds is how long a way hangs or repeats; 0 if it does neither or is
	// Endless.
	Seconds int
	// Endless ways hang until the tests time out: later tests do not run.
	Endless bool
	// Slow means that the kernel takes minutes to notice.
	Slow bool
	// Settings maps files of the kernel to the text that is written to them
	// first. A file that does not exist is skipped.
	Settings map[string]string
	// Parameter is the module parameter that takes the way Does, "" if the way
	// is written to the module's file.
	Parameter, Does string
	// Found is the kind of the fault that each kernel reports.
	Found Found
	// Unplaced names kernels whose reports do not name the marked line.
	Unplaced []string
	// X86 ways need a processor of that kind.
	X86 bool
}

// Found maps names of kernels, or of groups of kernels, to the kinds of faults
// that they report. A key such as "@arm64" is for all kernels of an architecture, and goes
// before the others. The key "" is for all others.
type Found map[string]klog.Kind

// Names of groups of kernels.
const (
	minimal = "min"   // kernels with the minimum that a guest needs
	debug   = "debug" // kernels with all checks that find mistakes
)

// plain are kernels without these checks: some mistakes break them only later.
var plain = []string{"5.10", "6.1", "6.12", minimal}

// nothing is the kind for a kernel that does not notice the mistake.
const nothing klog.Kind = ""

var nowhere = Found{}

func everywhere(kind klog.Kind) Found { return Found{"": kind} }

func onDebug(kind klog.Kind) Found { return Found{debug: kind} }

// Runs reports whether a processor of an architecture, a GOARCH, has this way.
func (w Way) Runs(goarch string) bool { return !w.X86 || goarch == "amd64" || goarch == "386" }

// Kind returns the kind of the fault that a kernel reports, or "" if it reports
// none. The kernel is named as in the table of kernels, or by its release.
func (w Way) Kind(kernel string) klog.Kind {
	row, goarch, _ := strings.Cut(kernel, "@")
	if kind, known := w.Found["@"+goarch]; known {
		return kind
	}
	for name, kind := range w.Found {
		if name != "" && alike(row, name) {
			return kind
		}
	}
	return w.Found[""]
}

// Placed reports whether a kernel's reports name the marked line.
func (w Way) Placed(kernel string) bool {
	return !among(w.Unplaced, kernel)
}

// among reports whether any of the names is that of the kernel, of its group or, after an @,
// of its architecture; "" names all kernels.
func among(names []string, kernel string) bool {
	row, goarch, _ := strings.Cut(kernel, "@")
	return slices.ContainsFunc(names, func(name string) bool { return name == "" || name == "@"+goarch || alike(row, name) })
}

// alike reports whether name is that of the kernel or of its group.
func alike(kernel, name string) bool {
	return kernel == name || strings.HasPrefix(kernel, name+".") || strings.HasSuffix(kernel, "-"+name) ||
		strings.HasSuffix(kernel, "-next") && name == minimal
}

// Mark returns the comment that marks the line of the mistake in the module's
// sources.
func (w Way) Mark() string {
	if w.Does != "" {
		return w.Does
	}
	return w.Name
}

const (
	hungTaskTimeout  = "/proc/sys/kernel/hung_task_timeout_secs"
	hungTaskInterval = "/proc/sys/kernel/hung_task_check_interval_secs"
	hungTaskWarnings = "/proc/sys/kernel/hung_task_warnings"
	watchdogThresh   = "/proc/sys/kernel/watchdog_thresh"
	rcuTimeout       = "/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout"
	workqueueThresh  = "/sys/module/workqueue/parameters/watchdog_thresh"
)

var (
	soonHung   = map[string]string{hungTaskTimeout: "3", hungTaskInterval: "1", hungTaskWarnings: "1"}
	soonLocked = map[string]string{watchdogThresh: "2"}
)

// Ways lists all ways in which the module breaks the kernel.
var Ways = []Way{
	{Name: "null-read", Found: Found{"": klog.NullDereference, "@s390x": nothing}},
	{Name: "null-write", Found: everywhere(klog.NullDereference)},
	{Name: "null-call", Found: everywhere(klog.NullDereference)},
	{Name: "page-fault", Found: everywhere(klog.PageFault)},
	{Name: "user-access", Found: Found{"": klog.PageFault, "@s390x": nothing}},
	{Name: "non-canonical", Found: Found{"": klog.GeneralProtection, "@arm64": klog.PageFault, "@riscv64": klog.PageFault, "@s390x": klog.PageFault}},
	{Name: "read-only", Found: everywhere(klog.PageFault)},
	{Name: "divide", Found: Found{"": klog.Oops, "@arm64": nothing, "@riscv64": nothing}}, // the quotient is 0 or -1 there
	{Name: "msr-read", X86: true, Found: nowhere},
	{Name: "msr-write", X86: true, Found: nowhere},
	{Name: "stack-overflow", Found: everywhere(klog.StackOverflow), Unplaced: []string{"@riscv64", "@s390x"}}, // in memset or the prologue there
	{Name: "execute-data", Found: everywhere(klog.PageFault)},
	{Name: "bad-selector", X86: true, Found: everywhere(klog.GeneralProtection)},
	{Name: "stack-smash", Found: Found{"": klog.StackOverflow, minimal: klog.GeneralProtection, debug: klog.KASAN}, Unplaced: []string{minimal, "@s390x"}},
	{Name: "panic", Found: everywhere(klog.Panic)},
	{Name: "bug", Found: everywhere(klog.Bug)},
	{Name: "warn", Found: everywhere(klog.Warning)},
	{Name: "warn-message", Found: everywhere(klog.Warning)},
	{Name: "shift", Found: onDebug(klog.UBSAN)},
	{Name: "index", Found: onDebug(klog.UBSAN)},
	{Name: "bool", Found: onDebug(klog.UBSAN)},
	{Name: "list-add", Found: Found{"": klog.ListCorruption, minimal: nothing}},
	{Name: "list-del", Found: Found{"": klog.ListCorruption, minimal: klog.GeneralProtection}},
	{Name: "refcount-free", Found: everywhere(klog.Refcount)},
	{Name: "refcount-underflow", Found: everywhere(klog.Refcount)},
	{Name: "refcount-saturated", Found: everywhere(klog.Refcount)},
	{Name: "usercopy", Found: Found{"": klog.Usercopy, minimal: nothing, debug: klog.KASAN}},
	{Name: "usercopy-from", Found: Found{"": klog.Usercopy, minimal: nothing, debug: klog.KASAN}},
	{Name: "usercopy-size", Found: everywhere(klog.Usercopy)},
	{Name: "fortify", Found: Found{"": klog.Bug, minimal: nothing, debug: klog.KASAN}},
	{Name: "taint", Found: everywhere(klog.Taint)},
	{Name: "soft-lockup", Found: Found{"": klog.SoftLockup, minimal: nothing}, Seconds: 10, Settings: soonLocked},
	{Name: "hard-lockup", Found: Found{"": klog.SoftLockup, minimal: nothing, debug: klog.HardLockup}, Seconds: 15, Settings: soonLocked},
	{Name: "rcu-stall", Found: everywhere(klog.RCUStall), Seconds: 12, Settings: map[string]string{rcuTimeout: "4"}},
	{Name: "hung-task", Found: Found{"": klog.HungTask, minimal: nothing}, Seconds: 12, Settings: soonHung},
	{Name: "killable-hang", Found: nowhere, Seconds: 12, Settings: soonHung},
	{Name: "deadlock", Found: Found{"": klog.HungTask, minimal: nothing}, Settings: soonHung, Endless: true},
	{Name: "hang-locked", Found: Found{"": klog.HungTask, minimal: nothing}, Seconds: 12, Settings: soonHung},
	{Name: "workqueue", Found: onDebug(klog.WorkqueueStall), Seconds: 15, Settings: map[string]string{workqueueThresh: "3"}},
	{Name: "device-held", Found: everywhere(klog.ReferenceLeak), Seconds: 15},
	{Name: "circular", Found: onDebug(klog.Lockdep)},
	{Name: "recursive", Found: onDebug(klog.Lockdep)},
	{Name: "inconsistent", Found: onDebug(klog.Lockdep)},
	{Name: "irq-unsafe", Found: onDebug(klog.Lockdep)},
	{Name: "irq-inversion", Found: onDebug(klog.Lockdep)},
	{Name: "left-held", Found: onDebug(klog.Lockdep)},
	{Name: "not-held", Found: onDebug(klog.Lockdep)},
	{Name: "freed-held", Found: onDebug(klog.Lockdep)},
	{Name: "exit-held", Found: onDebug(klog.Lockdep)},
	{Name: "no-key", Found: onDebug(klog.Lockdep)},
	{Name: "nest-lock", Found: onDebug(klog.Lockdep)},
	{Name: "too-deep", Found: onDebug(klog.Lockdep)},
	{Name: "wait-context", Found: onDebug(klog.Lockdep)},
	{Name: "spin-twice", Found: Found{"": klog.RCUStall, "5.10": klog.SoftLockup, minimal: nothing}, Endless: true},
	{Name: "spin-zero", Found: onDebug(klog.Lockdep)},
	{Name: "spin-not-held", Found: Found{"": klog.AtomicSchedule, "5.10": nothing, debug: klog.Lockdep}, Unplaced: plain},
	{Name: "sleep", Found: onDebug(klog.InvalidSleep)},
	{Name: "sleep-alloc", Found: onDebug(klog.InvalidSleep)},
	{Name: "schedule", Found: Found{"": klog.AtomicSchedule, "5.10": nothing, "@arm64": nothing, "@riscv64": nothing, "@s390x": nothing}},
	{Name: "irqs-off", Found: nowhere},
	{Name: "irqs-left-off", Found: onDebug(klog.Warning)},
	{Name: "preempt-left-off", Found: Found{"": klog.AtomicSchedule, "5.10": nothing, debug: klog.InvalidSleep}},
	{Name: "rcu-usage", Found: onDebug(klog.Lockdep)},
	{Name: "rcu-sleep", Found: Found{"": klog.Warning, "5.10": nothing, minimal: klog.AtomicSchedule, debug: klog.AtomicSchedule}},
	{Name: "rcu-left-held", Found: Found{"": klog.Warning, "5.10": nothing, minimal: klog.AtomicSchedule, debug: klog.Lockdep}, Unplaced: plain},
	{Name: "unlock-early", Found: Found{"": klog.Warning, "5.10": nothing, minimal: klog.AtomicSchedule, debug: klog.Lockdep}, Unplaced: plain},
	{Name: "work-left-off", Found: Found{"": klog.Bug, "5.10": nothing}},
	{Name: "use-after-free", Found: onDebug(klog.KASAN)},
	{Name: "poison", Found: onDebug(klog.KASAN)},
	{Name: "out-of-bounds", Found: onDebug(klog.KASAN)},
	{Name: "out-of-bounds-read", Found: onDebug(klog.KASAN)},
	{Name: "double-free", Found: Found{"": klog.Bug, minimal: nothing, debug: klog.KASAN}},
	{Name: "invalid-free", Found: onDebug(klog.KASAN)},
	{Name: "stack-bounds", Found: onDebug(klog.KASAN)},
	{Name: "global-bounds", Found: onDebug(klog.KASAN)},
	{Name: "cache-remains", Found: everywhere(klog.MemoryLeak)},
	{Name: "leak", Found: onDebug(klog.MemoryLeak), Unplaced: []string{""}, Slow: true},
	{Name: "uninitialized", Found: nowhere},
	{Name: "often", Found: Found{"6.12": klog.KFENCE, debug: klog.KASAN}, Seconds: 10, Settings: map[string]string{"/sys/module/kfence/parameters/sample_interval": "1"}},
	{Name: "timer-freed", Found: onDebug(klog.KASAN)},
	{Name: "bad-page", Found: Found{"5.10": klog.BadPage, "6.1": klog.BadPage, "6.12": klog.BadPage, "@riscv64": klog.BadPage}},
	{Name: "page-twice", Found: nowhere},
	{Name: "memory-gone", Found: everywhere(klog.OutOfMemory)},
	{Name: "large-page", Found: nowhere},
	{Name: "vmalloc-bounds", Found: Found{"": klog.PageFault, debug: klog.KASAN}},
	{Name: "in-interrupt", Found: everywhere(klog.NullDereference)},
	{Name: "in-timer", Found: everywhere(klog.NullDereference)},
	{Name: "in-other-cpu", Found: everywhere(klog.NullDereference)},
	{Name: "in-thread", Found: everywhere(klog.NullDereference)},
	{Name: "in-work", Found: everywhere(klog.NullDereference)},
	{Name: "race", Found: nowhere},
	{Name: "slab-redzone", Found: Found{"": klog.SlabCorruption, "5.10": nothing, minimal: nothing, debug: klog.KASAN}},
	{Name: "slab-poison", Found: Found{"": klog.UseAfterFree, "5.10": klog.SlabCorruption, minimal: nothing, debug: klog.KASAN}},
	{Name: "slab-twice", Found: Found{"": klog.SlabCorruption, "5.10": klog.Bug, minimal: nothing, debug: klog.KASAN}},
	{Name: "slab-foreign", Found: Found{"": klog.SlabCorruption, minimal: nothing}},
	{Name: "loading", Found: everywhere(klog.NullDereference), Parameter: "load", Does: "null-call"},
	{Name: "unloading", Found: everywhere(klog.NullDereference), Parameter: "unload", Does: "null-call"},
}
