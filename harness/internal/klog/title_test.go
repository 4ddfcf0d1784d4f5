package klog

import "testing"

func TestKindsAndTitles(t *testing.T) {
	for _, want := range []struct {
		text  string
		kind  Kind
		title string
	}{
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
		{"gadget 0000:00:04.0 eth1: NETDEV WATCHDOG: CPU: 1: transmit queue 0 timed out 5376 ms", Warning, "NETDEV WATCHDOG: a transmit queue timed out"},
	} {
		found := ConsoleFaults(want.text)
		if want.kind == "" && len(found) == 0 {
			continue
		}
		if len(found) != 1 || found[0].Kind != want.kind || found[0].Title != want.title {
			t.Errorf("%q: got %+v, want %+v", want.text, found, want)
		}
	}
}
