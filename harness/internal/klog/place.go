package klog

import "strings"

// machinery are the functions through which a report is made: not those that
// it is about. Each is a prefix.
var machinery = []string{
	"__alloc_", "__asan", "__check_heap", "__check_object_size", "__die", "__do_softirq", "__fortify_report", "__get_free", "__kasan", "__kmalloc",
	"__kmem_cache", "__list_add_valid", "__list_del_entry_valid", "__lock_acquire", "__might_resched", "__might_sleep", "__msan", "__mutex_lock",
	"__phys_addr", "__sanitizer_cov", "__schedule", "__should_fail", "__switch_to", "__this_cpu_preempt_check", "__tsan", "__ubsan", "__vmalloc",
	"__warn", "___might_sleep", "_copy_from_", "_copy_to_", "_raw_", "_sched_show_task", "alloc_page", "arch_stack_walk", "arch_trigger_", "asm_",
	"bad_page", "check_", "debug_print_object", "debug_smp_processor_id", "die", "do_error_trap", "do_invalid_op", "do_raw_", "dump_", "exc_",
	"fixup_bug", "fortify_panic", "free_large_kmalloc", "handle_bug", "kasan_", "kcsan_", "kernel_fpu_begin", "kfence_", "kfree", "kmalloc_trace",
	"kmem_cache_alloc", "kmem_cache_destroy", "kvmalloc", "kmsan_", "lock_acquire", "lockdep_", "mark_held", "mark_lock", "mark_usage", "mutex_lock", "nmi_",
	"no_context", "object_", "oom_kill", "oops_", "out_of_memory", "page_fault_oops", "panic", "preempt_schedule", "print_", "refcount_warn",
	"register_lock_class", "report_bug", "restore_regs", "ret_from_", "rust_helper_BUG", "sched_show_task", "schedule", "should_fail", "show_stack",
	"show_trace", "slab_bug", "slab_err", "slab_post_alloc", "stack_trace_", "sysvec_", "trace_hardirqs_", "ubsan_", "usercopy_abort",
	"validate_chain", "warn_", "watchdog_",
}

// place returns the frame that a report is about: the first in a module of
// those that are not the kernel's own, then in any, then in the kernel.
func (r *report) place(frames []Frame) (Frame, bool) {
	var modular, own *Frame
	outside := r.outOfTree()
	for i := range frames {
		f := &frames[i]
		switch {
		case f.Guess:
		case f.Module != "" && outside[f.Module]:
			return *f, true
		case f.Module != "" && modular == nil:
			modular = f
		case own == nil && !isMachinery(f.Function):
			own = f
		}
	}
	if modular != nil {
		return *modular, true
	}
	if own != nil {
		return *own, true
	}
	return Frame{}, false
}

func isMachinery(function string) bool {
	for _, prefix := range machinery {
		if strings.HasPrefix(function, prefix) {
			return true
		}
	}
	return false
}

// outOfTree returns the modules that are marked so in "Modules linked in:".
func (r *report) outOfTree() map[string]bool {
	found := map[string]bool{}
	for _, l := range r.lines[:r.solid] {
		list, ok := strings.CutPrefix(l.text, "Modules linked in:")
		if !ok {
			continue
		}
		for word := range strings.FieldsSeq(list) {
			if name, flags, ok := strings.Cut(word, "("); ok && strings.Contains(flags, "O") {
				found[name] = true
			}
		}
	}
	return found
}
