package klog

import (
	"regexp"
	"strings"
	"sync"
)

// head is a line that names a fault. What it matches must not stand in a healthy
// kernel's log.
type head struct {
	prefix string // of the line
	part   string // somewhere behind it
	kind   Kind
	ends   ending
	title  string // what the title begins with; "" is the line itself
}

func (h *head) matches(line string) bool {
	return strings.HasPrefix(line, h.prefix) && (h.part == "" || strings.Contains(line[len(h.prefix):], h.part))
}

// heads are tried in this order.
var heads = []head{
	{prefix: "Kernel panic - not syncing", kind: Panic, ends: halted},

	{prefix: "BUG: kernel NULL pointer dereference", kind: NullDereference, ends: traced, title: "BUG: kernel NULL pointer dereference"},
	{prefix: "BUG: unable to handle kernel NULL pointer dereference", kind: NullDereference, ends: traced, title: "BUG: kernel NULL pointer dereference"},
	{prefix: "Unable to handle kernel NULL pointer dereference", kind: NullDereference, ends: traced, title: "BUG: kernel NULL pointer dereference"},
	{prefix: "BUG: unable to handle ", kind: PageFault, ends: traced, title: "BUG: unable to handle page fault"},
	{prefix: "Unable to handle kernel ", kind: PageFault, ends: traced, title: "BUG: unable to handle page fault"},
	{prefix: "BUG: ", part: "stack guard page was hit", kind: StackOverflow, ends: traced, title: "BUG: stack guard page was hit"},
	{prefix: "kernel stack overflow", kind: StackOverflow, ends: traced, title: "kernel stack overflow"},
	{prefix: "general protection fault", part: "[#", kind: GeneralProtection, ends: traced, title: "general protection fault"},
	{prefix: "segment-related general protection fault", part: "[#", kind: GeneralProtection, ends: traced, title: "general protection fault"},
	{prefix: "stack segment", part: "[#", kind: Oops, ends: traced, title: "stack segment"},
	{prefix: "divide error", part: "[#", kind: Oops, ends: traced, title: "divide error"},
	{prefix: "divide_error", part: "[#", kind: Oops, ends: traced, title: "divide error"},
	{prefix: "invalid opcode", part: "[#", kind: Oops, ends: traced, title: "invalid opcode"},
	{prefix: "double fault", part: "[#", kind: Oops, ends: traced, title: "double fault"},
	{prefix: "PANIC: double fault", kind: Oops, ends: traced, title: "double fault"},
	{prefix: "traps: PANIC: double fault", kind: Oops, ends: traced, title: "double fault"},
	{prefix: "invalid TSS", part: "[#", kind: Oops, ends: traced, title: "invalid TSS"},
	{prefix: "segment not present", part: "[#", kind: Oops, ends: traced, title: "segment not present"},
	{prefix: "alignment check", part: "[#", kind: Oops, ends: traced, title: "alignment check"},
	{prefix: "int3", part: "[#", kind: Oops, ends: traced, title: "int3"},
	{prefix: "Internal error: ", part: "[#", kind: Oops, ends: traced},
	{prefix: "Oops: ", part: "[#", kind: Oops, ends: traced},
	{prefix: "CFI failure at ", kind: Oops, ends: traced, title: "CFI failure"},
	{prefix: "kernel BUG at ", kind: Bug, ends: traced, title: "kernel BUG"},

	{prefix: "BUG: KASAN: ", kind: KASAN, ends: ruled},
	{prefix: "BUG: KCSAN: ", kind: KCSAN, ends: ruled},
	{prefix: "BUG: KMSAN: ", kind: KMSAN, ends: ruled},
	{prefix: "BUG: KFENCE: ", kind: KFENCE, ends: ruled},
	{prefix: "UBSAN: ", kind: UBSAN, ends: ruled},

	{prefix: "WARNING: possible ", part: "detected", kind: Lockdep, ends: dumped},
	{prefix: "WARNING: inconsistent lock state", kind: Lockdep, ends: dumped},
	{prefix: "WARNING: bad unlock balance detected!", kind: Lockdep, ends: dumped},
	{prefix: "WARNING: bad contention detected!", kind: Lockdep, ends: dumped},
	{prefix: "WARNING: held lock freed!", kind: Lockdep, ends: dumped},
	{prefix: "WARNING: lock held when returning to user space!", kind: Lockdep, ends: dumped},
	{prefix: "WARNING: ", part: " still has locks held!", kind: Lockdep, ends: dumped, title: "WARNING: a task still has locks held"},
	{prefix: "WARNING: suspicious RCU usage", kind: Lockdep, ends: dumped},
	{prefix: "WARNING: chain_key collision", kind: Lockdep, ends: dumped},
	{prefix: "WARNING: Nested lock was not taken", kind: Lockdep, ends: dumped},
	{prefix: "WARNING: ", part: "-unsafe lock order detected", kind: Lockdep, ends: dumped},
	{prefix: "[ BUG: Invalid wait context ]", kind: Lockdep, ends: dumped, title: "BUG: Invalid wait context"},
	{prefix: "INFO: trying to register non-static key", kind: Lockdep, ends: dumped},
	{prefix: "BUG: MAX_LOCK", kind: Lockdep, ends: dumped},
	{prefix: "BUG: MAX_STACK_TRACE_ENTRIES too low", kind: Lockdep, ends: dumped},
	{prefix: "BUG: key ", part: " has not been registered", kind: Lockdep, ends: dumped, title: "BUG: a lock's key has not been registered"},
	{prefix: "BUG: spinlock ", kind: Lockdep, ends: dumped},
	{prefix: "BUG: rwlock ", kind: Lockdep, ends: dumped},

	{prefix: "WARNING: CPU: ", kind: Warning, ends: traced},
	{prefix: "WARNING: at ", kind: Warning, ends: traced},
	{prefix: "WARNING: ", part: " at ", kind: Warning, ends: traced}, // and a file's name and line

	{prefix: "rcu: INFO: rcu_", part: "detected", kind: RCUStall, ends: dumped, title: "rcu: stall"},
	{prefix: "INFO: rcu_", part: "detected", kind: RCUStall, ends: dumped, title: "rcu: stall"},
	{prefix: "watchdog: BUG: soft lockup", kind: SoftLockup, ends: dumped, title: "BUG: soft lockup"},
	{prefix: "NMI watchdog: BUG: soft lockup", kind: SoftLockup, ends: dumped, title: "BUG: soft lockup"},
	{prefix: "BUG: soft lockup", kind: SoftLockup, ends: dumped, title: "BUG: soft lockup"},
	{prefix: "watchdog: ", part: "Watchdog detected hard LOCKUP", kind: HardLockup, ends: dumped, title: "hard lockup"},
	{prefix: "NMI watchdog: ", part: "Watchdog detected hard LOCKUP", kind: HardLockup, ends: dumped, title: "hard lockup"},
	{prefix: "Watchdog detected hard LOCKUP", kind: HardLockup, ends: dumped, title: "hard lockup"},
	{prefix: "INFO: task ", part: " for more than ", kind: HungTask, ends: dumped, title: "INFO: a task is blocked"},
	{prefix: "BUG: workqueue lockup", kind: WorkqueueStall, ends: dumped, title: "BUG: workqueue lockup"},

	{prefix: "BUG: scheduling while atomic", kind: AtomicSchedule, ends: dumped, title: "BUG: scheduling while atomic"},
	{prefix: "BUG: scheduling in a non-blocking section", kind: AtomicSchedule, ends: dumped, title: "BUG: scheduling in a non-blocking section"},
	{prefix: "BUG: sleeping function called from invalid context", kind: InvalidSleep, ends: dumped, title: "BUG: sleeping function called from invalid context"},

	{prefix: "list_", part: " corruption", kind: ListCorruption, ends: untraced},
	{prefix: "usercopy: Kernel memory ", part: "attempt detected", kind: Usercopy, ends: untraced},
	{prefix: "detected buffer overflow in ", kind: Bug, ends: untraced},
	{prefix: "refcount_t: ", kind: Refcount, ends: dumped},
	{prefix: "BUG: Bad ", kind: BadPage, ends: dumped},
	{prefix: "Bad page state in process ", kind: BadPage, ends: dumped, title: "BUG: Bad page state"},
	{prefix: "BUG: non-zero pgtables_bytes", kind: BadPage, ends: dumped},
	{prefix: "BUG ", part: "ainted", kind: SlabCorruption, ends: dumped}, // (Tainted or (Not tainted
	{prefix: "kmem_cache_destroy ", part: ": Slab cache still has objects", kind: MemoryLeak, ends: dumped},
	{prefix: "kmemleak: ", part: "new suspected memory leaks", kind: MemoryLeak, ends: oneLine, title: "kmemleak: new suspected memory leaks"},
	{prefix: "kmemleak: unreferenced object ", kind: MemoryLeak, ends: dumped, title: "kmemleak: unreferenced object"},
	{prefix: "unreferenced object 0x", kind: MemoryLeak, ends: dumped, title: "kmemleak: unreferenced object"},
	{prefix: "", part: " invoked oom-killer: ", kind: OutOfMemory, ends: oomKill, title: "out of memory"},
	{prefix: "Out of memory: Killed process ", kind: OutOfMemory, ends: oneLine, title: "out of memory"},
	{prefix: "Memory cgroup out of memory: Killed process ", kind: OutOfMemory, ends: oneLine, title: "out of memory"},
	{prefix: "Out of memory and no killable processes", kind: OutOfMemory, ends: oneLine, title: "out of memory"},
	{prefix: "unchecked MSR access error: ", kind: MSRAccess, ends: dumped},
	{prefix: "unregister_netdevice: waiting for ", kind: ReferenceLeak, ends: oneLine},

	{prefix: "VFS: Busy inodes after unmount", kind: UseAfterFree, ends: dumped, title: "VFS: busy inodes after unmount"},
	{prefix: "VFS: Close: file count is ", kind: UseAfterFree, ends: dumped, title: "VFS: close of a file that nobody has open"},
	{prefix: "BUG: Dentry ", part: "still in use", kind: Bug, ends: dumped, title: "BUG: Dentry still in use"},
	{prefix: "BUG: workqueue leaked ", kind: Bug, ends: dumped, title: "BUG: workqueue leaked atomic, lock or RCU"},
	{prefix: "BUG: using ", part: " in preemptible", kind: Bug, ends: dumped, title: "BUG: using a processor's own data in preemptible code"},
	{prefix: "huh, entered softirq ", kind: Bug, ends: oneLine, title: "softirq left with another preempt count"},
	{prefix: "softirq: huh, entered softirq ", kind: Bug, ends: oneLine, title: "softirq left with another preempt count"},
	{prefix: "watchdog: BUG: ", kind: Bug, ends: dumped},
	{prefix: "BUG: ", kind: Bug, ends: dumped},
}

// odd are the heads whose prefix and part do not say enough.
var odd = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:WARNING: (?:CPU: \d|at |\S+:\d+ at \S+\+0x|\S+ at \S+\+0x)|BUG [^:]+ \((?:Not tainted|Tainted)|list_(?:add|del)|\S+ invoked oom-killer: gfp_mask=|INFO: task \S.*:\d+ .*blocked)`)
})

// byLetter are the heads by what they begin with, in their order; those of 0
// have no prefix.
var byLetter = sync.OnceValue(func() map[byte][]*head {
	found := map[byte][]*head{}
	for i := range heads {
		h := &heads[i]
		letter := byte(0)
		if h.prefix != "" {
			letter = h.prefix[0]
		}
		found[letter] = append(found[letter], h)
	}
	return found
})

// headOf returns the head that line is, or nil. No line of less than a few
// letters is one.
func headOf(line string) *head {
	if len(line) < 8 {
		return nil
	}
	if exception, ok := strings.CutPrefix(line, "Oops: "); ok { // so newer kernels
		if h := headOf(exception); h != nil {
			return h
		}
	}
	for _, letter := range []byte{line[0], 0} {
		for _, h := range byLetter()[letter] {
			if h.matches(line) && (!h.isOdd() || odd().MatchString(line)) {
				return h
			}
		}
	}
	return nil
}

func (h *head) isOdd() bool {
	switch {
	case h.kind == Warning, h.kind == ListCorruption, h.kind == HungTask, h.prefix == "BUG ", h.prefix == "":
		return true
	}
	return false
}
