package trace

import (
	"strings"
	"testing"
)

// The guilty function is the first that is not skipped. The last two rows have
// functions that look like skipped ones, but must not be skipped.
func TestMachineryIsSkipped(t *testing.T) {
	for name, want := range map[string]reason{
		"dump_stack_lvl": reports, "spin_dump": reports, "rcu_dump_cpu_stacks": reports, "panic": reports, "__warn": reports, "_printk": reports,
		"_RNvNtCs3yuwAp0waWO_4core9panicking9panic_fmt": reports,
		"invalid_op": traps, "asm_exc_page_fault": traps, "do_DataAbort": traps, "el1h_64_sync_handler": traps, "program_check_exception": traps,
		"fortify_panic": traps, "__stack_chk_fail": traps,
		"apic_timer_interrupt": arrives, "asm_sysvec_apic_timer_interrupt": arrives, "__irq_svc": arrives, "el1h_64_irq": arrives, "riscv_intc_irq": arrives,
		"tick_sched_timer": timer, "hrtimer_interrupt": timer, "gic_handle_irq": timer,
		"__asan_memcpy": checks, "kmsan_report": checks, "kcsan_setup_watchpoint": checks, "create_object": checks, "lock_acquire": checks,
		"__might_resched.cold": checks, "refcount_warn_saturate": checks, "__list_add_valid_or_report": checks, "debug_print_object": checks, "mte_check_tfsr_el1": checks,
		"retint_kernel": enters, "__x86_indirect_thunk_rax": enters, "srso_return_thunk": enters, "entry_SYSCALL_64_after_hwframe": enters,
		"do_syscall_64": enters, "ret_fast_syscall": enters, "invoke_syscall.constprop.0": enters,
		"__flush_work": service, "lock_sock_nested": service, "usb_kill_urb": service, "mod_timer": service, "device_del": service,
		"kthread": dispatch, "process_one_work": dispatch, "__do_softirq": dispatch, "call_timer_fn": dispatch,
		"io_schedule": sleeps, "wait_for_completion_timeout": sleeps, "schedule_timeout": sleeps, "folio_wait_bit_common": sleeps, "synchronize_rcu": sleeps,
		"native_queued_spin_lock_slowpath": locks, "mutex_lock_nested": locks, "rwsem_down_write_slowpath": locks, "_raw_spin_lock_bh": locks,
		"kmalloc_trace": memory, "__alloc_pages_noprof": memory, "kfree": memory, "_copy_to_user": memory,
		"strnlen": helper, "memcpy": helper, "skb_panic": helper, "vsnprintf": helper, "__list_del": helper, "find_next_bit": helper,
		"__panic_unhandled": traps, "arm64_is_fatal_ras_serror": traps, "el1_fpac": traps, "specification_exception": traps, "handle_kernel_stack_overflow": traps, "handle_fault_error_nolock": traps,
		"plic_handle_irq": timer, "do_irq_async": timer, "clock_comparator_interrupt": timer, "do_handle_IPI": timer,
		"__ret_from_fork": enters, "do_syscall": enters, "secondary_start_kernel": enters, "____do_softirq": dispatch, "fallback_scalar_usercopy": memory, "arch_read_lock_wait": locks,
		"cpuidle_enter_state": idles, "acpi_idle_enter": idles, "intel_idle": idles, "default_idle_call": idles, "do_idle": idles,
		"panicked": "", "kthread_run_all": "", "string_of_gadget": "", "updown": "", "downgrade": "", "gadget_wait": "", "mutexes": "", "numbers": "",
		"do_work": "", "watchdogs": "", "vfs_read": "", "security_task_free": "", "flush_cache": "", "ksys_ioctl": "",
	} {
		if got := skipped(name); got != want {
			t.Errorf("%s: skipped because it %q, want %q", name, got, want)
		}
	}
}

// A name that is twice in the table has two reasons.
func TestMachineryHasNoNameTwice(t *testing.T) {
	seen := map[string]reason{}
	for _, row := range machinery {
		for name := range strings.FieldsSeq(row.functions) {
			if why, ok := seen[name]; ok {
				t.Errorf("%s is in the table as %q and %q", name, why, row.why)
			}
			seen[name] = row.why
		}
	}
}
