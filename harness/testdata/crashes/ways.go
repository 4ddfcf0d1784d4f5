// Package crashes holds the tests of the module that breaks the kernel, and what
// is known of each way in which it does.
package crashes

// Way is one way in which the module breaks the kernel.
type Way struct {
	Name string
	// Seconds is how long a way that hangs does so.
	Seconds int
	// Settings are files, and what is written to each first. One that is not
	// there is of something that the kernel has not.
	Settings map[string]string
	// Parameter of the module, where the way is not written to its file, is the
	// name of the one that does it; Does is what.
	Parameter, Does string
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

// Ways are all ways in which the module breaks the kernel.
var Ways = []Way{
	{Name: "null-read"},
	{Name: "null-write"},
	{Name: "null-call"},
	{Name: "page-fault"},
	{Name: "user-access"},
	{Name: "non-canonical"},
	{Name: "read-only"},
	{Name: "divide"},
	{Name: "msr-read"},
	{Name: "msr-write"},
	{Name: "stack-overflow"},
	{Name: "execute-data"},
	{Name: "bad-selector"},
	{Name: "stack-smash"},
	{Name: "panic"},
	{Name: "bug"},
	{Name: "warn"},
	{Name: "warn-message"},
	{Name: "shift"},
	{Name: "index"},
	{Name: "bool"},
	{Name: "list-add"},
	{Name: "list-del"},
	{Name: "refcount-free"},
	{Name: "refcount-underflow"},
	{Name: "refcount-saturated"},
	{Name: "usercopy"},
	{Name: "usercopy-from"},
	{Name: "usercopy-size"},
	{Name: "fortify"},
	{Name: "taint"},
	{Name: "soft-lockup", Seconds: 10, Settings: soonLocked},
	{Name: "hard-lockup", Seconds: 15, Settings: soonLocked},
	{Name: "rcu-stall", Seconds: 12, Settings: map[string]string{rcuTimeout: "4"}},
	{Name: "hung-task", Seconds: 12, Settings: soonHung},
	{Name: "killable-hang", Seconds: 12, Settings: soonHung},
	{Name: "deadlock", Settings: soonHung},
	{Name: "hang-locked", Seconds: 12, Settings: soonHung},
	{Name: "workqueue", Seconds: 15, Settings: map[string]string{workqueueThresh: "3"}},
	{Name: "device-held", Seconds: 15},
	{Name: "circular"},
	{Name: "recursive"},
	{Name: "inconsistent"},
	{Name: "irq-unsafe"},
	{Name: "irq-inversion"},
	{Name: "left-held"},
	{Name: "not-held"},
	{Name: "freed-held"},
	{Name: "exit-held"},
	{Name: "no-key"},
	{Name: "nest-lock"},
	{Name: "too-deep"},
	{Name: "wait-context"},
	{Name: "spin-twice"},
	{Name: "spin-zero"},
	{Name: "spin-not-held"},
	{Name: "sleep"},
	{Name: "sleep-alloc"},
	{Name: "schedule"},
	{Name: "irqs-off"},
	{Name: "irqs-left-off"},
	{Name: "preempt-left-off"},
	{Name: "rcu-usage"},
	{Name: "rcu-sleep"},
	{Name: "rcu-left-held"},
	{Name: "unlock-early"},
	{Name: "work-left-off"},
	{Name: "use-after-free"},
	{Name: "poison"},
	{Name: "out-of-bounds"},
	{Name: "out-of-bounds-read"},
	{Name: "double-free"},
	{Name: "invalid-free"},
	{Name: "stack-bounds"},
	{Name: "global-bounds"},
	{Name: "cache-remains"},
	{Name: "leak"},
	{Name: "uninitialized"},
	{Name: "often", Seconds: 10, Settings: map[string]string{"/sys/module/kfence/parameters/sample_interval": "1"}},
	{Name: "timer-freed"},
	{Name: "bad-page"},
	{Name: "page-twice"},
	{Name: "memory-gone"},
	{Name: "large-page"},
	{Name: "vmalloc-bounds"},
	{Name: "in-interrupt"},
	{Name: "in-timer"},
	{Name: "in-other-cpu"},
	{Name: "in-thread"},
	{Name: "in-work"},
	{Name: "race"},
	{Name: "slab-redzone"},
	{Name: "slab-poison"},
	{Name: "slab-twice"},
	{Name: "slab-foreign"},
	{Name: "loading", Parameter: "load", Does: "null-read"},
	{Name: "unloading", Parameter: "unload", Does: "null-read"},
}
