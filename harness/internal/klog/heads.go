package klog

import (
	"github.com/kmodtest/kmodtest/harness/internal/klog/dump"
	"github.com/kmodtest/kmodtest/harness/internal/klog/trace"
)

// severities returns the forms of messages of lockdep. Their first word depends on
// the kernel's release.
func severities(messages ...string) []string {
	var forms []string
	for _, m := range messages {
		forms = append(forms, "WARNING: "+m, "INFO: "+m, "BUG: "+m)
	}
	return forms
}

// heads is the table of all forms of faults. The first entry that matches a line
// counts.
var heads = []head{
	{kind: Panic, ends: halted, glued: true, forms: []string{`Kernel panic - not syncing`}, change: []change{
		{"Kernel panic - not syncing: stack-protector", StackOverflow},
		{"corrupted stack end", StackOverflow},
		{"kernel stack overflow", StackOverflow},
		{"Kernel stack overflow", StackOverflow},
		{"Corrupt kernel stack", StackOverflow},
		{"Out of memory", OutOfMemory},
		{"deadlocked on memory", OutOfMemory},
		{"out of memory", OutOfMemory},
		{"Hard LOCKUP", HardLockup},
		{"softlockup: hung tasks", SoftLockup},
		{"hung_task: blocked tasks", HungTask},
		{"RCU Stall", RCUStall},
		{"Asynchronous SError", Oops},
		{"not syncing: bad mode", Oops},
		{"not syncing: Unhandled exception", Oops},
		{"Invalid kernel stack pointer", Oops},
	}},
	{kind: StackOverflow, ends: traced, forms: []string{`Insufficient stack space to handle exception`}, title: "Kernel panic - not syncing: kernel stack overflow"},

	// Memory accesses that the processor rejected.
	{kind: NullDereference, ends: traced, title: "BUG: kernel NULL pointer dereference", forms: []string{ // mips, powerpc
		`CPU \d+ Unable to handle kernel paging request at virtual address (?:0{8})?0{5}[0-9a-f]{3}(?:[ ,.]|$)`,
		`Unable to handle kernel paging request for .* address 0x(?:0{8})?0{5}[0-9a-f]{3}(?:[ ,.]|$)`,
		`BUG: Unable to handle kernel .* at 0x(?:0{8})?0{5}[0-9a-f]{3}(?:[ ,.]|$)`,
	}},
	{kind: NullDereference, ends: traced, glued: true, title: "BUG: kernel NULL pointer dereference", forms: []string{
		`BUG: kernel NULL pointer dereference`, `BUG: Kernel NULL pointer dereference`, `BUG: unable to handle kernel NULL pointer dereference`,
		`Unable to handle kernel NULL pointer dereference`, `BUG: Unable to handle kernel instruction fetch \(NULL`,
	}},
	{kind: PageFault, ends: traced, glued: true, title: "BUG: unable to handle page fault", forms: []string{
		`BUG: unable to handle `, `BUG: Unable to handle `, `Unable to handle kernel `, `Unable to handle kernel access`,
		`CPU \d+ Unable to handle kernel paging request`,
	}, change: []change{
		{"Failing address: 0000000000000", NullDereference}, {"at virtual address 0000000000000", NullDereference}, // s390, riscv
		{"KASAN: null-ptr-deref in range", NullDereference}, // KASAN's shadow of NULL has an address of its own
		{"Thread overran stack", StackOverflow},
	}},
	{kind: PageFault, ends: traced, mild: true, title: "BUG: unable to handle page fault", forms: []string{
		`Unhandled fault: page domain fault`, `Unhandled fault: .*(?:translation|permission)`,
	}},
	{kind: PageFault, ends: traced, title: "BUG: unable to handle page fault", forms: []string{`Kernel Fault: Code=`, `Bad Address \(null pointer deref\?\): Code=`}, change: []change{ // parisc
		{"at addr 0000000000000", NullDereference},
	}},
	{kind: StackOverflow, ends: traced, title: "BUG: stack guard page was hit", forms: []string{`*stack guard page was hit*BUG: .*stack guard page was hit`}},
	{kind: StackOverflow, ends: traced, title: "kernel stack overflow", forms: []string{`kernel stack overflow`, `Kernel stack overflow(?: in process|[.,]|$)`}},
	{kind: GeneralProtection, ends: traced, glued: true, title: "general protection fault", forms: []string{
		`general protection fault.*\[#\d`, `segment-related general protection fault.*\[#\d`,
	}, change: []change{
		{"KASAN: null-ptr-deref in range", NullDereference}, // KASAN's shadow of NULL has a non-canonical address
		{"KASAN: probably user-memory-access in range", PageFault},
		{"KASAN: maybe wild-memory-access in range", GeneralProtection},
		{"general protection fault, kernel NULL pointer dereference", NullDereference},
		{"LASS violation", PageFault},
		{"LASS prevented", PageFault}, // since 7.0
	}},

	// Other exceptions.
	{kind: Oops, ends: traced, title: "$1", forms: []string{
		`(stack segment).*\[#\d`, `(divide error).*\[#\d`, `(invalid opcode).*\[#\d`, `(double fault).*\[#\d`, `(invalid TSS).*\[#\d`,
		`(segment not present).*\[#\d`, `(alignment check).*\[#\d`, `(int3).*\[#\d`, `(overflow): .*\[#\d`, `(bounds): .*\[#\d`,
		`(fpu exception).*\[#\d`, `(simd exception).*\[#\d`, `(SIMD exception).*\[#\d`, `(coprocessor segment overrun).*\[#\d`,
		`(control protection fault).*\[#\d`, `(device not available).*\[#\d`, `(Bad pagetable).*\[#\d`, `(debug): .*\[#\d`, `(stack-segment).*\[#\d`,
		`(trap [a-z ]+): .*\[#\d`, `(bad frame pointer).*\[#\d`, `(unknown nmi reason).*\[#\d`, `(unexpected machine check).*\[#\d`,
		`PANIC: (double fault)`, `traps: PANIC: (double fault)`, `PANIC: (early exception)`,
	}},
	{kind: Oops, ends: traced, title: "$1", forms: []string{`*ilc:*([A-Za-z][A-Za-z -]+): [0-9a-f]{4} ilc:\d \[#\d`}, change: []change{
		{"Krnl Code:#0000000000000000: ", NullDereference}, // s390 executes what is at NULL
		{"Krnl Code:>0000000000000000: ", NullDereference},
	}},
	{kind: Oops, ends: traced, title: "divide error", forms: []string{`divide_error.*\[#\d`}},
	{kind: Oops, ends: untraced, message: true, title: "CFI failure", forms: []string{`CFI failure at `, `CFI failure \(target: `, `kCFI failure`}},
	{kind: Oops, ends: untraced, title: "missing ENDBR", forms: []string{`traps: Missing ENDBR: `, `Missing ENDBR: `}},
	{kind: Oops, ends: traced, title: "Unhandled fault", forms: []string{`Unhandled fault at 0x`}}, // arm64
	{kind: Oops, ends: traced, mild: true, title: "$1", forms: []string{`(Unhandled fault: [^(]+) \(`, `(Unhandled prefetch abort: [^(]+) \(`}},
	// Exceptions for which arm64 prints the registers before it panics.
	{kind: Oops, ends: traced, title: "Kernel panic - not syncing: Asynchronous SError Interrupt", forms: []string{`SError Interrupt on CPU\d+, code `}},
	{kind: Oops, ends: traced, title: "Kernel panic - not syncing: bad mode", forms: []string{`Bad mode in .+ handler detected on CPU`}},
	{kind: Oops, ends: traced, title: "Kernel panic - not syncing: Unhandled exception", forms: []string{`Unhandled .+ exception on CPU\d+, ESR `}},
	// A kernel for arm64 with KASAN's tags in software dies after KASAN's report.
	{kind: KASAN, after: KASAN, ends: traced, title: "KASAN", forms: []string{`Internal error: Oops - KASAN(?:: [0-9a-f]+)? \[#\d`}},
	// A kernel may have only traps in place of UBSAN's reports.
	{kind: UBSAN, ends: traced, title: "$1", forms: []string{`Internal error: (UBSAN: .*?)(?:: [0-9a-f]+)? \[#\d`}},
	{kind: UBSAN, ends: untraced, title: "$1", forms: []string{`(UBSAN: .+?) at \S+\+0x`}},
	{kind: Bug, ends: traced, glued: true, title: "kernel BUG", detail: messageDetail, forms: []string{
		`kernel BUG at `, `Kernel BUG at `, `Kernel BUG \[#\d`, `Kernel bug detected\[#\d`, `Internal error: Oops - BUG: \S+ \[#\d`,
	}},
	{kind: Bug, ends: untraced, title: "kernel BUG: $1", forms: []string{`rust_kernel: panicked at '(.+)', \S+:\d+:\d+`}},
	{kind: Bug, ends: untraced, title: "kernel BUG", detail: lineDetail, forms: []string{`rust_kernel: panicked at `}},
	{kind: Oops, ends: traced, title: "$1", forms: []string{
		`(Internal error: .*?)(?:: [0-9a-f]+)? \[#\d`, `(Oops - [^\[]+?) \[#\d`, `(Oops) ?\[#\d`, `(Oops: [A-Z][^\[]+?), sig: \d+ \[#\d`,
		`(Oops: [0-9a-f]+) (?:ilc:\d )?\[#\d.*`, `(Oops: .*?) \[#\d`, `(Bad kernel stack pointer) `, `(Kernel stack pointer invalid)`,
		`*ernel *([A-Za-z_ ,-]*[Kk]ernel [A-Za-z_ ,-]+)!?\[#\d+\]:$`, // mips, loongarch
		`*): *[^ ]{1,15}\(\d+\): ([A-Z][A-Za-z ]+) \[#\d+\]$`,        // sparc
		`(Oops: [A-Za-z][^\[]+?), sig: \d+$`,                         // microblaze, nios2
	}},

	// Sanitizers.
	{kind: KASAN, ends: ruled, glued: true, title: "$1", forms: []string{`BUG: (KASAN: .+?)(?: in |$)`}},
	{kind: KASAN, ends: ruled, title: "KASAN: $1", forms: []string{`BUG: KASan: (.+?)(?: in |$)`}}, // before 4.4
	{kind: KCSAN, ends: ruled, title: "$1", forms: []string{`BUG: (KCSAN: .*)`}, blame: trace.Nowhere},
	{kind: KMSAN, ends: ruled, title: "$1", forms: []string{`BUG: (KMSAN: .+?)(?: in |$)`}},
	{kind: KFENCE, ends: ruled, title: "$1", forms: []string{`BUG: (KFENCE: .+?)(?: in |$)`}},
	{kind: UBSAN, ends: ruled, glued: true, title: "$1", forms: []string{`(UBSAN: .+?)(?: in |$)`}},

	// Locks and RCU.
	{kind: Lockdep, ends: dumped, body: dump.IsLockLine, forms: severities(
		`possible .*detected`, `inconsistent (?:\{.*\} )?lock state`, `bad unlock balance detected`, `bad contention detected`,
		`circular locking deadlock detected`, `held lock freed`, `suspicious RCU usage`, `chain_key collision`, `Nested lock was not taken`, `Invalid wait context`,
	)},
	{kind: Lockdep, ends: dumped, body: dump.IsLockLine, blame: trace.Noted, forms: severities(`lock held (?:when returning to user space|at task exit)`)},
	{kind: Lockdep, ends: dumped, body: dump.IsLockLine, forms: []string{`* lock order detected*(?:WARNING|INFO|BUG): .*-unsafe lock order detected`}},
	{kind: Lockdep, ends: dumped, body: dump.IsLockLine, blame: trace.Noted, title: "WARNING: a task still has locks held", forms: []string{`* still has locks held*WARNING: .* still has locks held`}},
	{kind: Lockdep, ends: dumped, body: dump.IsLockLine, blame: trace.Noted, title: "BUG: a task still has locks held", forms: []string{
		`* still has locks held*BUG: .* still has locks held`, `* exiting with locks still held*BUG: .* exiting with locks`,
		`* lock held at task exit*BUG: .* lock held at task exit`,
	}},
	{kind: Lockdep, ends: dumped, body: dump.IsLockLine, title: "INFO: trying to register non-static key", forms: []string{`INFO: trying to register non-static key`}},
	{kind: Lockdep, ends: dumped, body: dump.IsLockLine, blame: trace.Noted, forms: []string{`BUG: MAX_LOCK`, `BUG: MAX_STACK_TRACE_ENTRIES too low`, `BUG: looking up invalid subclass`}},
	{kind: Lockdep, ends: dumped, message: true, body: dump.IsLockLine, title: "BUG: the key of a lock is not registered", forms: []string{`BUG: key .* has not been registered`, `BUG: key .* not in \.data`}},
	{kind: Lockdep, ends: dumped, title: "$1", forms: []string{`(BUG: (?:spinlock|rwlock)[ -].+?)(?: on CPU#|,|$)`}},
	{kind: Lockdep, ends: dumped, message: true, forms: []string{`DEBUG_LOCKS_WARN_ON`, `DEBUG_RWSEMS_WARN_ON`, `rtmutex deadlock detected`}, sources: []string{
		"kernel/locking/lockdep.c", "kernel/lockdep.c", "kernel/locking/mutex.c", "kernel/locking/mutex-debug.c",
	}},

	// BUGs and warnings whose kind depends on their message or source file.
	{kind: Refcount, ends: dumped, message: true, sources: []string{"lib/refcount.c"}, forms: []string{
		`refcount_t: `, `rcuref - imbalanced put`, `imbalanced put on file reference count`, `percpu ref \(.*\) <= 0 `,
	}},
	{kind: ListCorruption, ends: untraced, message: true, sources: []string{"lib/list_debug.c"}, forms: []string{
		`list_(?:add|del).*corruption`, `list_add double add`, `list_add attempted on`,
	}},
	{kind: Usercopy, ends: untraced, message: true, sources: []string{"mm/usercopy.c"}, forms: []string{
		`usercopy: [Kk]ernel memory .*attempt detected`, `Bad or missing usercopy whitelist`, `Buffer overflow detected \(`,
	}},
	{kind: UseAfterFree, ends: dumped, message: true, sources: []string{"lib/debugobjects.c"}, forms: []string{`ODEBUG: .* object.* type: `}},
	{kind: MemoryLeak, ends: dumped, message: true, forms: []string{`kmem_cache_destroy .*[Ss]lab cache still has objects`}},
	{kind: SlabCorruption, ends: dumped, message: true, forms: []string{
		`cache_from_obj: `, `kmem_cache_free\(.*belongs to different cache`, `virt_to_cache: `,
	}},
	{kind: Warning, ends: dumped, message: true, blame: trace.Noted, forms: []string{`syscall \d+ left IRQs disabled`}},
	{kind: Bug, ends: untraced, forms: []string{`detected buffer overflow in `}},

	// Warnings.
	{kind: Warning, ends: traced, glued: true, title: "WARNING", detail: messageDetail, forms: []string{
		`WARNING: CPU: \d+ PID: \d+ `, `WARNING: CPU: \d`, `WARNING: at \S+:\d+`, `WARNING: at \S+\+0x`, `WARNING: at \S+, CPU#\d`,
		`WARNING: \S+:\d+ at \S+\+0x`, `WARNING: \S+:\d+ at \S+, CPU#\d`, `WARNING: \S+ at \S+\+0x`, `WARNING: \[.*\] \S+:\d+ at \S+`,
	}},
	{kind: Warning, ends: dumped, body: dump.IsUnwindLine, blame: trace.Nowhere, title: "WARNING: kernel stack $1 has bad ${2}value", forms: []string{`WARNING: kernel stack (regs|frame pointer) at +\S+ in .+:\d+ has bad ('bp' )?value`}},
	{kind: Warning, ends: dumped, body: dump.IsUnwindLine, blame: trace.Nowhere, title: "$1", forms: []string{
		`(WARNING: can't (?:dereference|access) (?:iret )?registers) at `, `(WARNING: unrecognized unwind stack type)`,
		`(WARNING: stack recursion on stack type)`, `(WARNING: stack going in the wrong direction)\?`, `(WARNING: missing \S+ value) at \S+\+0x`,
		`(WARNING: unknown (?:SP|BP) base reg) \d`, `(WARNING: unknown \.orc_unwind entry type) \d`,
	}},
	{kind: Warning, ends: dumped, blame: trace.Nowhere, body: dump.IsLoadLine, forms: []string{`\w+: '.+'->init suspiciously returned `}},
	// The prefix is there since 6.4.
	{kind: Warning, ends: dumped, title: "kobject: an initialized object is initialized", forms: []string{
		`kobject \(.*\): tried to init an initialized object`, `kobject: kobject \(.*\): tried to init an initialized object`,
	}},
	{kind: Warning, ends: dumped, title: "kobject: an object that is not initialized is added", forms: []string{
		`kobject '.*' \(.*\): tried to add an uninitialized object`, `kobject: kobject '.*' \(.*\): tried to add an uninitialized object`,
	}},
	{kind: Warning, ends: dumped, title: "kobject: an object has no type", forms: []string{
		`kobject \(.*\): must have a ktype`, `kobject: kobject \(.*\): must have a ktype`,
	}},
	{kind: Warning, ends: dumped, blame: trace.Nowhere, title: "netdev: a device reports a wrong checksum", forms: []string{`*: hw csum failure*\S+: hw csum failure`}},
	// Newer kernels print no backtrace.
	{kind: Warning, ends: oneLine, title: "NETDEV WATCHDOG: a transmit queue timed out", forms: []string{`*NETDEV WATCHDOG: CPU: *.*: NETDEV WATCHDOG: CPU: \d+: transmit queue \d+ timed out`}},

	// Stalls.
	{kind: RCUStall, ends: dumped, blame: trace.Interrupted, glued: true, title: "rcu: stall", forms: []string{
		`rcu: INFO: rcu\w* .*detected`, `INFO: rcu\w* .*detected`, `rcu: INFO: .*detected (?:expedited )?stall`, `INFO: rcu\w* .*stall`,
	}},
	{kind: SoftLockup, ends: dumped, blame: trace.Interrupted, glued: true, title: "BUG: soft lockup", forms: []string{
		`watchdog: BUG: soft lockup`, `NMI watchdog: BUG: soft lockup`, `BUG: soft lockup`,
	}},
	{kind: HardLockup, ends: dumped, blame: trace.Interrupted, title: "csd: a processor does not respond", forms: []string{
		`smp: csd: Detected non-responsive CSD lock`, `csd: Detected non-responsive CSD lock`,
	}},
	{kind: HardLockup, ends: dumped, message: true, blame: trace.Interrupted, title: "hard lockup", forms: []string{
		`watchdog: .*Watchdog detected hard LOCKUP`, `NMI watchdog: .*Watchdog detected hard LOCKUP`, `Watchdog detected hard LOCKUP`,
		`watchdog: CPU \d+ .*[Hh]ard LOCKUP`, `Watchdog CPU:\d+ .*[Hh]ard LOCKUP`, `watchdog: Watchdog detected hard LOCKUP`,
	}},
	{kind: HungTask, ends: dumped, blame: trace.FirstStack, glued: true, title: "INFO: a task is blocked", forms: []string{
		`INFO: task .*:\d+ (?:blocked|can't die).* for more than `,
	}},
	// The name of a task may hold an end of line.
	{kind: HungTask, ends: dumped, blame: trace.FirstStack, title: "INFO: a task is blocked", forms: []string{`* for more than *.*:\d+ (?:blocked|can't die) (?:\S+ )*?for more than \d+ seconds\.`}},
	{kind: WorkqueueStall, ends: dumped, blame: trace.Everything, title: "BUG: workqueue lockup", forms: []string{`BUG: workqueue lockup`}},

	// Sleeping where it is not allowed.
	{kind: AtomicSchedule, ends: dumped, glued: true, title: "$1", forms: []string{
		`(BUG: scheduling while atomic)`, `(BUG: scheduling in a non-blocking section)`, `(bad: scheduling from the idle thread)`,
	}},
	{kind: InvalidSleep, ends: dumped, glued: true, title: "$1", forms: []string{`(BUG: sleeping function called from invalid context)`}},

	// Memory.
	{kind: BadPage, ends: dumped, repeats: true, title: "BUG: Bad rss-counter state", forms: []string{`BUG: Bad rss-counter state`}},
	{kind: BadPage, ends: dumped, title: "$1", forms: []string{
		`(BUG: Bad page .+?) in process `, `(BUG: Bad .+?)(?: mm:| pte:| in process |$)`, `(BUG: non-zero \w+)`,
	}},
	{kind: BadPage, ends: dumped, title: "BUG: Bad page state", forms: []string{`Bad page state in process `}},
	{kind: BadPage, ends: oneLine, title: "$1", forms: []string{`*: bad p*\S+\.[ch]:\d+: (bad p(?:gd|4d|ud|md|te)) `}},
	// The older stacks are those of the first free.
	{kind: SlabCorruption, ends: dumped, within: ": kasan: bad access detected", title: "BUG $1", detail: slabDetail, forms: []string{
		`BUG (.+?) \((?:Not tainted|Tainted).*\): Object already free`,
	}},
	{kind: SlabCorruption, ends: dumped, blame: trace.Everything, within: ": kasan: bad access detected", title: "BUG $1", detail: slabDetail, forms: []string{
		`BUG (.+?) \((?:Not tainted|Tainted)`,
	}, change: []change{
		{"Poison overwritten", UseAfterFree}, {"[Poison overwritten]", UseAfterFree}, {"Objects remaining", MemoryLeak},
	}},
	{kind: SlabCorruption, ends: dumped, title: "slab error: $1", forms: []string{"slab error in \\w+\\(\\): cache [`'].+': (.+)"}},
	{kind: SlabCorruption, ends: dumped, title: "slab corruption", forms: []string{`Slab corruption[ :]`}},
	{kind: MemoryLeak, ends: oneLine, title: "kmemleak: new suspected memory leaks", forms: []string{`kmemleak: .*new suspected memory leaks`}},
	{kind: MemoryLeak, ends: dumped, passes: []string{"alloc", "strdup", "strndup", "memdup", "asprintf"}, title: "kmemleak: unreferenced object", forms: []string{`kmemleak: unreferenced object `, `unreferenced object 0x`}},
	{kind: MemoryLeak, ends: oneLine, title: "dma_pool_destroy: the pool has blocks in use", forms: []string{`*dma_pool_destroy *(?:\S.*: )?dma_pool_destroy .+ busy$`}},
	{kind: OutOfMemory, ends: oneLine, title: "out of memory", forms: []string{
		`Out of memory(?: \(\w+\))?: Kill(?:ed)? process `, `Memory cgroup out of memory: Kill(?:ed)? process `, `Out of memory and no killable processes`,
	}},
	{kind: MSRAccess, ends: dumped, message: true, title: "$1", forms: []string{`(unchecked MSR access error: .+?)(?: from 0x| to 0x| \(|$)`}},
	{kind: ReferenceLeak, ends: oneLine, title: "page_pool: a pool that is destroyed has pages in use", forms: []string{`page_pool_release_retry\(\) stalled pool shutdown`}},
	{kind: ReferenceLeak, ends: tracked, forms: []string{`unregister_netdevice: waiting for .* to become free`}},
	{kind: UseAfterFree, ends: untraced, message: true, title: "VFS: busy inodes after unmount", forms: []string{`VFS: Busy inodes after unmount`}},
	{kind: UseAfterFree, ends: untraced, message: true, title: "VFS: close of a file that nobody has open", forms: []string{`VFS: Close: file count is `}},

	// Other bugs.
	{kind: Bug, ends: untraced, message: true, title: "BUG: Dentry still in use", forms: []string{`BUG: Dentry .*still in use`}},
	{kind: Bug, ends: dumped, blame: trace.Noted, title: "BUG: workqueue leaked atomic, lock or RCU", forms: []string{`BUG: workqueue leaked `}},
	{kind: Bug, ends: dumped, title: "BUG: using a processor's own data in preemptible code", forms: []string{`BUG: using .* in preemptible`}},
	{kind: Bug, ends: oneLine, title: "softirq left with another preempt count", forms: []string{`huh, entered softirq `, `softirq: huh, entered softirq `}},
	{kind: Bug, ends: dumped, title: "a neighbour is destroyed that is alive", forms: []string{`Destroying alive neighbour `}},
	// Ports of Solaris's code, such as ZFS, say so before they stop a task.
	{kind: Bug, ends: dumped, weak: true, blame: trace.Nowhere, detail: messageDetail, forms: []string{`PANIC at \S+:\d+:\w+\(\)`, `PANIC: [a-z]\w*: `}},
	{kind: Bug, ends: oneLine, forms: []string{`seq_file: buggy \.next function `}},
	{kind: Bug, ends: dumped, message: true, title: "sysfs: duplicate filename", forms: []string{`sysfs: cannot create duplicate filename `}},
	{kind: Bug, ends: dumped, blame: trace.Nowhere, title: "irq: nobody cared", forms: []string{`irq \d+: nobody cared`}},
	{kind: Bug, ends: dumped, blame: trace.Nowhere, title: "irq: a handler returns a bogus value", forms: []string{`irq event \d+: bogus return value`}},
	{kind: Bug, ends: oneLine, title: "a resource is released that is not reserved", forms: []string{
		`Trying to free nonexistent resource <`, `resource: Trying to free nonexistent resource <`,
	}},
	{kind: Bug, ends: dumped, title: "iounmap: the address is not mapped", forms: []string{`iounmap: bad address `}},
	{kind: Bug, ends: dumped, forms: []string{`watchdog: BUG: `}},
	{kind: Bug, ends: dumped, weak: true, forms: []string{`BUG: `}},

	{kind: OutOfMemory, ends: oomKill, title: "out of memory", forms: []string{`* invoked oom-killer: *\S.* invoked oom-killer: gfp_mask=`}},
}
