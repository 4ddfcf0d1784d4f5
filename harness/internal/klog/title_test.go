package klog

import "testing"

// titled is a text, and the kind and the title of its fault.
type titled struct {
	text  string
	kind  Kind
	title string
}

func TestKindsAndTitles(t *testing.T) {
	wantTitles(t, []titled{
		{"BUG: rwlock bad magic on CPU#1, kworker/0:1/12, 00000000c0ffee00", Lockdep, "BUG: rwlock bad magic"},
		{"BUG: spinlock recursion on CPU#0, test/85", Lockdep, "BUG: spinlock recursion"},
		{"BUG: using smp_processor_id() in preemptible [00000000] code: test/85", Bug, "BUG: using a processor's own data in preemptible code"},
		{"BUG: workqueue leaked atomic, lock or RCU: kworker/1:1[33]", Bug, "BUG: workqueue leaked atomic, lock or RCU"},
		{"BUG: Dentry 00000000c0ffee00{i=3,n=lo}  still in use (1) [unmount of proc proc]", Bug, "BUG: Dentry still in use"},
		{"VFS: Busy inodes after unmount of sda1 (ext4)", UseAfterFree, "VFS: busy inodes after unmount"},
		{"divide error: 0000 [#1] PREEMPT SMP", Oops, "divide error"},
		{"Oops: divide error: 0000 [#1] SMP", Oops, "divide error"},
		{"Oops: segment-related general protection fault: 7ff8 [#1] SMP", GeneralProtection, "general protection fault"},
		{"Oops: general protection fault, probably for non-canonical address 0xdead: 0000 [#1]\nKASAN: null-ptr-deref in range [0x0-0x7]\nRIP: 0010:f+0x1/0x2", NullDereference, "general protection fault in f"},
		{"Oops: 0002 [#1] SMP", Oops, "Oops: N"},
		{"WARNING: CPU: 0 PID: 46 at lib/refcount.c:28 refcount_warn_saturate+0x13c/0x174\nrefcount_t: underflow; use-after-free.\nCPU: 0", Refcount, "WARNING: refcount_t: underflow; use-after-free"},
		{"kernel BUG at lib/list_debug.c:51!", ListCorruption, "kernel BUG"},
		{"WARNING: CPU: 1 PID: 2 at x.c:3 f.constprop.0+0x1/0x2", Warning, "WARNING in f"},
		{"BUG: memory leak", "", ""},
		{"Bad kernel stack pointer 7fffe at c000000000001234", Oops, "Bad kernel stack pointer"},
		{"Out of memory: Kill process 12 (gadgetctl) score 900 or sacrifice child", OutOfMemory, "out of memory"},
		{"BUG: key ffff8880a1b2c3d4 not in .data!", Lockdep, "BUG: the key of a lock is not registered"},
		{"slab error in verify_redzone_free(): cache `kmalloc-64': double free detected", SlabCorruption, "slab error: double free detected"},
		{"Internal error: Oops: 96000004 [#1] PREEMPT SMP", Oops, "Internal error: Oops"},
		{"Internal error: synchronous external abort: 96000410 [#1] SMP", Oops, "Internal error: synchronous external abort"},
		{"WARNING: at gadget_x+0x1/0x2, CPU#1: gadgetctl/3", Warning, "WARNING in gadget_x"},
		{"watchdog: CPU1: Watchdog detected hard LOCKUP on cpu 0", HardLockup, "hard lockup"},
		{"softirq: huh, entered softirq 1 TIMER 00000000c0ffee00 with preempt_count 00000100, exited with 00000101?", Bug, "softirq left with another preempt count"},
		{"sysfs: cannot create duplicate filename '/class/gadget'\nCPU: 0 PID: 7 Comm: insmod\nCall Trace:\n gadget_init+0x12/0x40 [gadget]", Bug, "sysfs: duplicate filename in gadget_init [gadget]"},
		{"irq 21: nobody cared (try booting with the \"irqpoll\" option)", Bug, "irq: nobody cared"},
		{"Trying to free nonexistent resource <00000000000003f8-00000000000003ff>", Bug, "a resource is released that is not reserved"},
	})
}

// Some messages, or the lines before or after them, depend on the kernel's version or configuration.
func TestKindsAndTitlesOfOtherForms(t *testing.T) {
	wantTitles(t, []titled{
		{"Internal error: UBSAN: array index out of bounds: 00000000f2005512 [#1] SMP\npc : gadget_set+0x40/0x60 [gadget]", UBSAN, "UBSAN: array index out of bounds in gadget_set [gadget]"},
		{"UBSAN: array index out of bounds at gadget_set+0x25/0x40 [gadget]\nOops: invalid opcode: 0000 [#1] SMP\nRIP: 0010:gadget_set+0x25/0x40 [gadget]", UBSAN, "UBSAN: array index out of bounds in gadget_set [gadget]"},
		{"CFI failure at gadget_call+0x1a/0x30 [gadget] (target: gadget_x+0x0/0x10 [gadget]; expected type: 0x1b2c3d4e)\nWARNING: CPU: 0 PID: 9 at gadget_call+0x1a/0x30 [gadget]\nRIP: 0010:gadget_call+0x1a/0x30 [gadget]", Oops, "CFI failure in gadget_call [gadget]"},
		{"CFI failure at gadget_call+0x1a/0x30 (target: gadget_x+0x0/0x10; expected type: 0x1b2c3d4e)\nOops: invalid opcode: 0000 [#1] SMP\nRIP: 0010:gadget_call+0x1a/0x30", Oops, "CFI failure in gadget_call"},
		{cutHere + "\nCFI failure (target: gadget_x+0x0/0x10):\nWARNING: CPU: 0 PID: 9 at kernel/cfi.c:29 __ubsan_handle_cfi_check_fail+0x4c/0x54\nCall trace:\n gadget_call+0x1a/0x30", Oops, "WARNING: CFI failure in gadget_call"},
		{"Oops: general protection fault, kernel NULL pointer dereference 0x8: 0000 [#1] SMP", NullDereference, "general protection fault"},
		{"Oops: general protection fault, probably LASS violation for address 0x7f0000001000: 0000 [#1] SMP", PageFault, "general protection fault"},
		{"Unable to handle kernel paging request at virtual address dfff800000000001\nKASAN: null-ptr-deref in range [0x0000000000000008-0x000000000000000f]\npc : f+0x1/0x2", NullDereference, "BUG: unable to handle page fault in f"},
		{cutHere + "\nVFS: Busy inodes after unmount of none (gadgetfs)\nWARNING: CPU: 0 PID: 9 at fs/super.c:653 generic_shutdown_super+0x150/0x160\nCall Trace:\n gadget_kill_sb+0x10/0x20 [gadget]", UseAfterFree, "WARNING: VFS: busy inodes after unmount in gadget_kill_sb [gadget]"},
		{"VFS: Busy inodes after unmount of none (gadgetfs)\n" + cutHere + "\nkernel BUG at fs/super.c:654!\nRIP: 0010:generic_shutdown_super+0x150/0x160\n gadget_kill_sb+0x10/0x20 [gadget]", UseAfterFree, "VFS: busy inodes after unmount in gadget_kill_sb [gadget]"},
		{cutHere + "\nBUG: Dentry 00000000c0ffee00{i=2a,n=x}  still in use (1) [unmount of gadgetfs none]\nWARNING: CPU: 0 PID: 9 at fs/dcache.c:1536 umount_check+0x5a/0x80\n gadget_kill_sb+0x10/0x20 [gadget]", Bug, "WARNING: BUG: Dentry still in use in gadget_kill_sb [gadget]"},
		{"BUG: Dentry 00000000c0ffee00{i=2a,n=x}  still in use (1) [unmount of gadgetfs none]\n" + cutHere + "\nWARNING: CPU: 0 PID: 9 at fs/dcache.c:1536 umount_check+0x5a/0x80\n gadget_kill_sb+0x10/0x20 [gadget]", Bug, "BUG: Dentry still in use in gadget_kill_sb [gadget]"},
		{cutHere + "\nrcuref - imbalanced put()\nWARNING: CPU: 0 PID: 9 at lib/rcuref.c:267 rcuref_put_slowpath+0x5a/0x80", Refcount, "WARNING: rcuref - imbalanced put() in rcuref_put_slowpath"},
		{cutHere + "\npercpu ref (gadget_release [gadget]) <= 0 (-1) after switching to atomic\nWARNING: CPU: 0 PID: 9 at lib/percpu-refcount.c:196 f+0x1/0x2", Refcount, "WARNING: percpu ref (gadget_release [gadget]) <= N (-N) after switching to atomic in f"},
		{"kobject: kobject (00000000c0ffee00): tried to init an initialized object, something is seriously wrong.", Warning, "kobject: an initialized object is initialized"},
		{"kobject '(null)' (00000000c0ffee00): tried to add an uninitialized object, something is seriously wrong.", Warning, "kobject: an object that is not initialized is added"},
		{"kobject: kobject (00000000c0ffee00): must have a ktype to be initialized properly!", Warning, "kobject: an object has no type"},
		{"irq event 21: bogus return value 5", Bug, "irq: a handler returns a bogus value"},
		{"mm/pgtable-generic.c:50: bad pmd 00000000c0ffee00(0000000000000800)", BadPage, "bad pmd"},
		{"eth1: hw csum failure\nskb len=84 headroom=64 headlen=84 tailroom=0", Warning, "netdev: a device reports a wrong checksum"},
		{"WARNING: stack going in the wrong direction? at gadget_asm+0x12/0x20", Warning, "WARNING: stack going in the wrong direction"},
		{"WARNING: missing R10 value at gadget_asm+0x12/0x20", Warning, "WARNING: missing R10 value"},
		{"gadgetctl invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0\nOut of memory (oom_kill_allocating_task): Killed process 9 (gadgetctl)", OutOfMemory, "out of memory"},
		{"gadget 0000:00:04.0 eth1: NETDEV WATCHDOG: CPU: 1: transmit queue 0 timed out 5376 ms", Warning, "NETDEV WATCHDOG: a transmit queue timed out"},
	})
}

// Kernels with other checks or another kind of locks, and messages without a head of their own.
func TestKindsAndTitlesOfRareForms(t *testing.T) {
	wantTitles(t, []titled{
		{"Missing ENDBR: gadget_call+0x0/0x10 [gadget]\n" + cutHere + "\nkernel BUG at arch/x86/kernel/cet.c:102!\nOops: invalid opcode: 0000 [#1] SMP\nRIP: 0010:exc_control_protection+0x2c4/0x2d0\nCall Trace:\nRIP: 0010:gadget_call+0x0/0x10 [gadget]\n" + endOfTrace + " 0 ]---", Oops, "missing ENDBR in gadget_call [gadget]"},
		{"traps: Missing ENDBR: gadget_call+0x0/0x10 [gadget]\n" + cutHere + "\nWARNING: CPU: 0 PID: 9 at arch/x86/kernel/traps.c:250 gadget_call+0x0/0x10 [gadget]\n" + endOfTrace + " 0 ]---", Oops, "missing ENDBR in gadget_call [gadget]"},
		{cutHere + "\nrtmutex deadlock detected\nWARNING: CPU: 0 PID: 9 at kernel/locking/rtmutex.c:1674 rt_mutex_handle_deadlock+0x36/0x40\n gadget_set+0x20/0x40 [gadget]", Lockdep, "WARNING: rtmutex deadlock detected in gadget_set [gadget]"},
		{cutHere + "\nkmem_cache of name 'gadget' already exists\nWARNING: CPU: 0 PID: 9 at mm/slab_common.c:107 __kmem_cache_create_args+0xb0/0x320\n gadget_init+0x20/0x40 [gadget]", Warning, "WARNING: kmem_cache of name 'gadget' already exists in gadget_init [gadget]"},
		{"VERIFY3(0 == gadget_add(g, 8)) failed (0 == 5)\nPANIC at gadget.c:208:gadget_attach()\nShowing stack for process 9\nCPU: 0 PID: 9 Comm: mount\nCall Trace:\n dump_stack_lvl+0x44/0x5c\n compat_panic+0xc3/0x110 [compat]\n gadget_attach+0x80/0x90 [gadget]", Bug, "PANIC at gadget.c:N:gadget_attach(): VERIFY3(N == gadget_add(g, N)) failed (N == N)"},
		{"PANIC: gadget: range 4096 is there already\nShowing stack for process 9\nCPU: 0 PID: 9 Comm: mount\nCall Trace:\n gadget_attach+0x80/0x90 [gadget]", Bug, "PANIC: gadget: range N is there already"},
		{"smp: csd: Detected non-responsive CSD lock (#1) on CPU#0, waiting 5000000042 ns for CPU#01 gadget_flush+0x0/0x40 [gadget](0x0).\nsmp: \tcsd: CSD lock (#1) unresponsive.\nSending NMI from CPU 0 to CPUs 1:\nNMI backtrace for cpu 1\nCPU: 1 PID: 9 Comm: gadgetctl\nRIP: 0010:gadget_spin+0x10/0x20 [gadget]", HardLockup, "csd: a processor does not respond in gadget_spin [gadget]"},
		{"BUG: Bad rss-counter state mm:00000000c0ffee00 type:MM_FILEPAGES val:-1\nBUG: Bad rss-counter state mm:00000000c0ffee00 type:MM_ANONPAGES val:1", BadPage, "BUG: Bad rss-counter state"},
		{"seq_file: buggy .next function gadget_next [gadget] did not update position index", Bug, "seq_file: buggy .next function gadget_next [gadget] did not update position index"},
		{"Destroying alive neighbour 00000000c0ffee00\nCPU: 0 PID: 9 Comm: rmmod\nCall Trace:\n dump_stack_lvl+0x44/0x5c\n neigh_destroy+0x80/0x190\n gadget_put+0x20/0x30 [gadget]", Bug, "a neighbour is destroyed that is alive in gadget_put [gadget]"},
		{"BUG gadget:request (Tainted: G           O      ): Right Redzone overwritten", SlabCorruption, "BUG gadget:request: Right Redzone overwritten"},
		{"iounmap: bad address 00000000c0ffee00\nCPU: 0 PID: 9 Comm: rmmod\nCall Trace:\n dump_stack_lvl+0x44/0x5c\n iounmap.part.0+0x80/0x90\n gadget_exit+0x20/0x30 [gadget]", Bug, "iounmap: the address is not mapped in gadget_exit [gadget]"},
		{"gadget 0000:00:04.0: dma_pool_destroy gadget_requests busy", MemoryLeak, "dma_pool_destroy: the pool has blocks in use"},
		{"gadget 0000:00:04.0: dma_pool_destroy gadget_requests, 00000000c0ffee00 busy", MemoryLeak, "dma_pool_destroy: the pool has blocks in use"},
		{"BUG: workqueue leaked lock or atomic: kworker/0:2/0x00000001/49\n     last function: gadget_work [gadget]\nCPU: 0 PID: 49\nCall Trace:\n dump_stack_lvl+0x44/0x5c\n process_one_work.cold+0x37/0x3c\n worker_thread+0x4d/0x380", Bug, "BUG: workqueue leaked atomic, lock or RCU in gadget_work [gadget]"},
		{"BUG: workqueue leaked atomic, lock or RCU: kworker/0:2[49]\n     preempt=0x00000001 lock=0->0 RCU=0->0 workfn=gadget_work\nCPU: 0 PID: 49\nCall Trace:\n dump_stack_lvl+0x44/0x5c\n process_one_work+0x37/0x3c\n worker_thread+0x4d/0x380", Bug, "BUG: workqueue leaked atomic, lock or RCU in gadget_work"},
		{"unregister_netdevice: waiting for gadget0 to become free. Usage count = 2\nref_tracker: netdev@ffff888004d5e5d0 has 1/1 users at\n     gadget_hold+0x20/0x40 [gadget]\n     gadget_init+0x20/0x1000 [gadget]\n\n f+0x1/0x2 [foreign]", ReferenceLeak, "unregister_netdevice: waiting for gadget0 to become free. Usage count = N in gadget_hold [gadget]"},
		{"unregister_netdevice: waiting for gadget0 to become free. Usage count = 2\nleaked reference.\n gadget_hold+0x20/0x40 [gadget]", ReferenceLeak, "unregister_netdevice: waiting for gadget0 to become free. Usage count = N in gadget_hold [gadget]"},
		{"unregister_netdevice: waiting for gadget0 to become free. Usage count = 2\n f+0x1/0x2 [foreign]", ReferenceLeak, "unregister_netdevice: waiting for gadget0 to become free. Usage count = N"},
		{cutHere + "\ntimer: gadget_timer+0x0/0x10 [gadget] preempt leak: 00000100 -> 00000101\nWARNING: CPU: 0 PID: 0 at kernel/time/timer.c:1420 call_timer_fn+0x1/0x2\n __run_timers+0x60/0x220", Warning, "WARNING: timer: gadget_timer [gadget] preempt leak: N -> N"},
		{cutHere + "\nODEBUG: free active (active state 0) object: 00000000c0ffee00 object type: timer_list hint: gadget_timer+0x0/0x10 [gadget]\nWARNING: CPU: 0 PID: 9 at lib/debugobjects.c:612 debug_print_object+0x1/0x2\n kfree+0x60/0x220\n kobject_release+0x1/0x2", UseAfterFree, "WARNING: ODEBUG: free active (active state N) object: N object type: timer_list hint: gadget_timer [gadget]"},
	})
}

// arm64 prints the registers of some exceptions before it panics; s390 names all of them in one form.
func TestKindsAndTitlesOfOtherProcessors(t *testing.T) {
	registers := "CPU: 1 PID: 7 Comm: gadgetctl\npstate: 60400005 (nZCv daif +PAN -UAO)\npc : gadget_read+0x10/0x40 [gadget]\nlr : gadget_ioctl+0x20/0x60 [gadget]\nsp : ffff8000083939c0\nx29: ffff8000083939c0 x28: ffff00000844b0c0\n"
	trace := "\nCall trace:\n dump_backtrace+0x94/0x120\n panic+0x398/0x3f4\n nmi_panic+0x40/0x8c\n arm64_serror_panic+0x64/0x70\n el1h_64_error+0x64/0x68\n gadget_read+0x10/0x40 [gadget] (P)"
	wantTitles(t, []titled{
		{"SError Interrupt on CPU1, code 0x00000000be000011 -- SError\n" + registers + "Kernel panic - not syncing: Asynchronous SError Interrupt" + trace, Oops, "Kernel panic - not syncing: Asynchronous SError Interrupt in gadget_read [gadget]"},
		{"Kernel panic - not syncing: Asynchronous SError Interrupt" + trace, Oops, "Kernel panic - not syncing: Asynchronous SError Interrupt in gadget_read [gadget]"},
		{"Bad mode in Synchronous Abort handler detected on CPU1, code 0x8600000f -- IABT (current EL)\n" + registers + "Kernel panic - not syncing: bad mode", Oops, "Kernel panic - not syncing: bad mode in gadget_read [gadget]"},
		{"Unhandled 64-bit el1h sync exception on CPU1, ESR 0x000000008600000f -- IABT (current EL)\n" + registers + "Kernel panic - not syncing: Unhandled exception", Oops, "Kernel panic - not syncing: Unhandled exception in gadget_read [gadget]"},
		{"Unhandled fault at 0xffff80000a000000\nMem abort info:\n  ESR = 0x0000000096000061\nswapper pgtable: 4k pages, 48-bit VAs\n[ffff80000a000000] pgd=100000013ffff003\nInternal error: Oops: 0000000096000061 [#1] SMP\n" + registers, Oops, "Unhandled fault in gadget_read [gadget]"},
		{"==================================================================\nBUG: KASAN: invalid-access in gadget_read+0x10/0x40 [gadget]\nWrite at addr f0ff000012345678 by task gadgetctl/7\nPointer tag: [f0], memory tag: [fe]\n\nCall trace:\n gadget_read+0x10/0x40 [gadget]\n==================================================================\nInternal error: Oops - KASAN: 00000000f2000905 [#1] PREEMPT SMP\n" + registers + endOfTrace + " 0 ]---\nKernel panic - not syncing: Oops - KASAN: Fatal exception", KASAN, "KASAN: invalid-access in gadget_read [gadget]"},
		{"Internal error: Oops - KASAN: 00000000f2000905 [#1] PREEMPT SMP\n" + registers, KASAN, "KASAN in gadget_read [gadget]"},
		{"Kernel bug detected[#1]:\nCPU: 1 PID: 7 Comm: gadgetctl\n   ra: 9000000002d310b8 vfs_ioctl+0x18/0x40\n  ERA: 9000000002d3645c gadget_read+0x1c/0x40 [gadget]\nCall Trace:\n[<9000000002d310b8>] vfs_ioctl+0x18/0x40", Bug, "kernel BUG in gadget_read [gadget]"},
		{"Oops[#1]:\nera   : 9000000002d3645c gadget_read+0x1c/0x40 [gadget]\nra    : 9000000002d310b8 vfs_ioctl+0x18/0x40", Oops, "Oops in gadget_read [gadget]"},
		{"Unable to handle kernel NULL pointer dereference\ngadgetctl(7): Oops [#1]\nTPC: <gadget_read+0x10/0x40 [gadget]>\nRPC: <gadget_ioctl+0x20/0x60 [gadget]>\nCall Trace:\n[<00000000104b2000>] gadget_ioctl+0x20/0x60 [gadget]", NullDereference, "BUG: kernel NULL pointer dereference in gadget_read [gadget]"},
		{"Kernel Fault: Code=26 (Data memory access rights trap) at addr 0000000000000008\nCPU: 0 PID: 7 Comm: gadgetctl\n IAOQ[0]: gadget_read+0x10/0x40 [gadget]\n RP(r2): gadget_ioctl+0x20/0x60 [gadget]\nBacktrace:\n [<00000000401c7d44>] gadget_ioctl+0x20/0x60 [gadget]\nKernel panic - not syncing: Kernel Fault", NullDereference, "BUG: unable to handle page fault in gadget_read [gadget]"},
		{"gadgetctl (pid 7): Bad Address (null pointer deref?): Code=26 at addr 0000000000000008", "", ""},
		{"Unexpected kernel BRK exception at EL1\nInternal error: BRK handler: 00000000f2000001 [#1] PREEMPT SMP\n" + registers, Oops, "Internal error: BRK handler in gadget_read [gadget]"},
		{"Internal error: Oops - FPAC: 0000000072000000 [#1]  SMP\n" + registers, Oops, "Internal error: Oops - FPAC in gadget_read [gadget]"},
		{"gadgetctl[7]: unhandled exception: DABT (lower EL), ESR 0x0000000092000005, level 1 translation fault in libc.so.6[ffff9a6d0000+17c000]\npc : 0000ffff9a6ee5f4", "", ""},
		{"Unknown program exception: 0010 ilc:2 [#1] SMP \nKrnl PSW : 0704c00180000000 000003ff8004e2b2 (gadget_read+0x22/0x40 [gadget])", Oops, "Unknown program exception in gadget_read [gadget]"},
		{"Kernel stack pointer invalid\nCPU: 1 PID: 7\nKrnl PSW : 0704c00180000000 000003ff8004e2b2 (gadget_read+0x22/0x40 [gadget])\nCall Trace:\n([<0000000000000000>] 0x0)\nKernel panic - not syncing: Invalid kernel stack pointer, cannot continue", Oops, "Kernel stack pointer invalid in gadget_read [gadget]"},
		{"Low-address protection: 0004 ilc:3 [#1] SMP ", Oops, "Low-address protection"},
		{"HFP overflow exception: 000c ilc:2 [#1] SMP ", Oops, "HFP overflow exception"},
		{"translation-specification exception: 0012 ilc:2 [#1] SMP ", Oops, "translation-specification exception"},
		{"User process fault: interruption code 003b ilc:2 in libc.so.6[11f2ae,3ff9b300000+1c2000]\nFailing address: 0000000000000000 TEID: 0000000000000800\nUser PSW : 0705000180000000 000002aa1f2c0a3e\nLast Breaking-Event-Address:\n [<000003ff9b32bb60>] libc.so.6[2bb60,3ff9b300000+1c2000]", "", ""},
		{"illegal operation: 0001 ilc:1 [#1]SMP\nKrnl PSW : 0704c00180000000 0000000000000000 (0x0)\nKrnl Code:>0000000000000000: 0000\t\tillegal\t\nCall Trace:\n [<0000000000000000>] 0x0 \n([<000003ff8004e2b2>] gadget_call+0x22/0x40 [gadget])", NullDereference, "illegal operation in gadget_call [gadget]"},
		{"Oops - store (or AMO) address misaligned [#1]\nepc : gadget_read+0x10/0x40 [gadget]", Oops, "Oops - store (or AMO) address misaligned in gadget_read [gadget]"},
		{"gadgetctl[7]: unhandled signal 11 code 0x1 at 0x0000000000000000 in gadgetctl[10000+1000]\nepc : 00000000000105a4 ra : 00000000000105a0", "", ""},
	})
}

// A head may name the exception, and a line of another head may be part of it.
func TestTitlesOfOopsesOfMIPS(t *testing.T) {
	place := "\nCPU: 0 PID: 9 Comm: gadgetctl\nepc   : c0104010 gadget_read+0x10/0x40 [gadget]\nra    : c0104000 vfs_read+0x8c/0x130\n" + endOfTrace + " 0 ]---"
	wantTitles(t, []titled{
		{"Reserved instruction in kernel code[#1]:" + place, Oops, "Reserved instruction in kernel code in gadget_read [gadget]"},
		{"Kernel unaligned instruction access[#1]:" + place, Oops, "Kernel unaligned instruction access in gadget_read [gadget]"},
		{"Unhandled kernel unaligned access[#1]:" + place, Oops, "Unhandled kernel unaligned access in gadget_read [gadget]"},
		{"do_cpu invoked from kernel context![#1]:" + place, Oops, "do_cpu invoked from kernel context in gadget_read [gadget]"},
		{"CPU 0 Unable to handle kernel paging request at virtual address 00000008, epc == c0104010, ra == c0104000\nOops[#1]:" + place, NullDereference, "BUG: kernel NULL pointer dereference in gadget_read [gadget]"},
	})
}

// Kernels for other processors do not count their oopses, or name the task before the exception.
func TestTitlesOfOopsesOfRareProcessors(t *testing.T) {
	wantTitles(t, []titled{
		{"gadgetctl(7): Kernel illegal instruction [#1]\nTPC: <gadget_read+0x10/0x40 [gadget]>\nCall Trace:", Oops, "Kernel illegal instruction in gadget_read [gadget]"},
		{"Oops: kernel access of bad area, sig: 11\nRegisters dump: mode=82ED9D54", Oops, "Oops: kernel access of bad area"},
		{"gadgetctl(7): loaded [#1] of 2", "", ""},
		{"gadget 0000:00:04.0: port(7): Loaded [#1]", "", ""},
		{"gadget[#1]:", "", ""},
		{"BUG: unable to handle kernel paging request at ffffc90000a3bff8\nThread overran stack, or stack corrupted\nOops: 0002 [#1] SMP\nRIP: 0010:gadget_set+0x1/0x2 [gadget]", StackOverflow, "BUG: unable to handle page fault in gadget_set [gadget]"},
	})
}

// arm says "Unhandled fault" about programs, too. An oops follows only if the kernel caused it.
func TestUnhandledFaultsOfProgramsAreNoFaults(t *testing.T) {
	table := "\npgd = c4d1c000\n[b6f5c000] *pgd=84d2e831, *pte=fe200703, *ppte=fe200c33\n"
	place := "Modules linked in: gadget(O)\nPC is at gadget_read+0x10/0x40 [gadget]\n" + endOfTrace + " 0 ]---"
	wantTitles(t, []titled{
		{"8<--- cut here ---\nUnhandled fault: external abort on non-linefetch (0x018) at 0xb6f5c000" + table + "healthy", "", ""},
		{"Unhandled fault: alignment exception (0x001) at 0xb6f5c001", "", ""},
		{"Unhandled fault: page domain fault (0x01b) at 0xb6f5c000" + table + "Unhandled prefetch abort: breakpoint debug exception (0x002) at 0x00000000", "", ""},
		{"8<--- cut here ---\nUnhandled fault: external abort on non-linefetch (0x1008) at 0xf0000000" + table + "Internal error: : 1008 [#1] SMP ARM\n" + place, Oops, "Unhandled fault: external abort on non-linefetch in gadget_read [gadget]"},
		{"Unhandled fault: page domain fault (0x81b) at 0x00000abc" + table + "Internal error: : 81b [#1] SMP ARM\n" + place, PageFault, "BUG: unable to handle page fault in gadget_read [gadget]"},
		{"Unhandled fault: alignment exception (0x001) at 0xb6f5c001" + table + "BUG: the next one", Bug, "BUG: the next one"},
	})
}

// The function that is blamed is the one that does the wrong thing now, or the last one that is known.
func TestGuiltyFunctionsOfOtherReports(t *testing.T) {
	history := "Allocated in gadget_alloc+0x20/0x40 [gadget] age=12 cpu=0 pid=9\n\tgadget_alloc+0x20/0x40 [gadget]\nFreed in gadget_free+0x20/0x40 [gadget] age=3 cpu=0 pid=9\n\tgadget_free+0x20/0x40 [gadget]\nObject 0xffff888004d5e5c0 @offset=1472 fp=0xffff888004d5e600\n"
	now := "CPU: 0 PID: 9 Comm: gadgetctl\nCall Trace:\n free_debug_processing+0x1bd/0x230\n kfree+0x2f4/0x390\n gadget_free_again+0x20/0x40 [gadget]"
	wantTitles(t, []titled{
		{"BUG kmalloc-64 (Tainted: G           O     ): Object already free\n" + history + now, SlabCorruption, "BUG kmalloc-64: Object already free in gadget_free_again [gadget]"},
		{"BUG kmalloc-64 (Tainted: G           O     ): Object corrupt\n" + history + now, SlabCorruption, "BUG kmalloc-64: Object corrupt in gadget_alloc [gadget]"},
		{"watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [migration/1:17]\nCPU: 1 PID: 17 Comm: migration/1\nStopper: multi_cpu_stop+0x0/0x120 <- stop_machine_cpuslocked+0xe8/0x130\nRIP: 0010:multi_cpu_stop+0x94/0x120\nCall Trace:\n cpu_stopper_thread+0x92/0x140\n smpboot_thread_fn+0xda/0x1d0\n kthread+0xe6/0x110", SoftLockup, "BUG: soft lockup in multi_cpu_stop"},
		{"page_pool_release_retry() stalled pool shutdown: id 12, 3 inflight 60 sec", ReferenceLeak, "page_pool: a pool that is destroyed has pages in use"},
	})
}

// wantTitles fails the test unless each text has one fault, of that kind and title.
func wantTitles(t *testing.T, all []titled) {
	t.Helper()
	for _, want := range all {
		found := ConsoleFaults(want.text)
		if want.kind == "" && len(found) == 0 {
			continue
		}
		if len(found) != 1 || found[0].Kind != want.kind || found[0].Title != want.title {
			t.Errorf("%q: got %+v, want %+v", want.text, found, want)
		}
	}
}
