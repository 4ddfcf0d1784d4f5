package klog

import (
	"slices"
	"strings"
)

// notes are messages that tell more of a BUG or a WARNING than its head does.
var notes = []struct {
	prefix, part string
	kind         Kind
}{
	{"refcount_t: ", "", Refcount},
	{"list_", "corruption", ListCorruption},
	{"usercopy: ", "", Usercopy},
	{"Buffer overflow detected", "", Usercopy},
	{"Bad or missing usercopy whitelist", "", Usercopy},
	{"ODEBUG: ", "", UseAfterFree},
	{"kmem_cache_destroy ", "still has objects", MemoryLeak},
	{"kmem_cache of name ", "", SlabCorruption},
	{"cache_from_obj: ", "", SlabCorruption},
	{"virt_to_cache: ", "", SlabCorruption},
	{"DEBUG_LOCKS_WARN_ON", "", Lockdep},
}

// classify makes the kind more exact by what else the report says.
func (r *report) classify(f *Fault) {
	if f.Kind == Bug || f.Kind == Warning {
		for _, note := range []string{r.note(), r.title} {
			if kind, ok := kindOfNote(note); ok {
				f.Kind = kind
			}
		}
	}
	switch {
	case f.Kind == GeneralProtection && r.has("KASAN: null-ptr-deref in range"):
		f.Kind = NullDereference // of which KASAN makes an address that can not be
	case f.Kind == Bug && strings.HasPrefix(r.title, "kernel BUG at lib/list_debug.c:"):
		f.Kind = ListCorruption
	case f.Kind == Bug && strings.HasPrefix(r.title, "kernel BUG at mm/usercopy.c:"):
		f.Kind = Usercopy
	case f.Kind == SlabCorruption && strings.Contains(r.slabProblem(), "Poison overwritten"):
		f.Kind = UseAfterFree
	case f.Kind == SlabCorruption && strings.Contains(r.title, "Objects remaining"):
		f.Kind = MemoryLeak
	case f.Kind == Panic && (strings.Contains(r.title, "stack-protector") || strings.Contains(r.title, "corrupted stack end") || strings.Contains(r.title, "kernel stack overflow")):
		f.Kind = StackOverflow
	case f.Kind == Panic && strings.Contains(r.title, "Out of memory"):
		f.Kind = OutOfMemory
	case f.Kind == Panic && strings.Contains(r.title, "deadlocked on memory"):
		f.Kind = OutOfMemory
	case f.Kind == Panic && strings.Contains(r.title, "Hard LOCKUP"):
		f.Kind = HardLockup
	}
}

// has tells whether a line of the report begins so.
func (r *report) has(prefix string) bool {
	return slices.ContainsFunc(r.lines[:r.solid], func(l line) bool { return strings.HasPrefix(l.text, prefix) })
}

// note returns the message that came with a BUG or a warning, or "". Something
// else may have been printed in between.
func (r *report) note() string {
	if len(r.notes) == 0 {
		return ""
	}
	for _, note := range r.notes {
		if _, ok := kindOfNote(note); ok {
			return note
		}
	}
	return r.notes[0]
}

func kindOfNote(note string) (Kind, bool) {
	for _, n := range notes {
		if strings.HasPrefix(note, n.prefix) && strings.Contains(note, n.part) {
			return n.kind, true
		}
	}
	return "", false
}

// slabProblem returns what is wrong with a slab's object.
func (r *report) slabProblem() string {
	for _, note := range r.notes {
		if isSlabLead(note) {
			problem, _, _ := strings.Cut(note[1:], "]")
			return problem
		}
	}
	_, problem, _ := strings.Cut(r.title, "): ")
	return problem
}

// frames reads what the report names up to its end mark, behind which are the
// same again.
func (r *report) frames(f *Fault) {
	for _, l := range r.lines[:r.solid] {
		if strings.HasPrefix(l.text, endOfTrace) {
			return
		}
		if fr, ok := frameIn(l.text); ok {
			f.Frames = append(f.Frames, fr)
		}
	}
}

// machinery are the functions through which a report is made: not those that
// it is about. Each is a prefix.
var machinery = []string{
	"should_fail", "debug_smp_processor_id", "__this_cpu_preempt_check", "check_preemption_disabled", "debug_print_object",
	"rust_helper_BUG", "__check_object_size", "trace_hardirqs_", "fixup_bug", "_raw_", "register_lock_class", "do_invalid_op", "sched_show_task", "_sched_show_task", "__should_fail", "__switch_to", "restore_regs", "__sanitizer_cov",
	"dump_stack", "show_stack", "show_trace", "__dump_stack", "print_", "kasan_", "__kasan", "__asan", "check_", "__ubsan", "ubsan_", "handle_bug",
	"warn_", "__warn", "report_bug", "asm_", "exc_", "do_error_trap", "refcount_warn", "panic", "oops_", "die", "page_fault_oops", "no_context",
	"__schedule", "schedule", "lock_acquire", "lockdep_", "validate_chain", "__lock_acquire", "mark_lock", "slab_err", "slab_bug", "object_err",
	"bad_page", "__list_add_valid", "__list_del_entry_valid", "usercopy_abort", "__might_sleep", "__might_resched", "___might_sleep", "watchdog_",
	"nmi_", "__die", "kcsan_", "__tsan", "kmsan_", "__msan", "kfence_", "object_", "mark_usage", "mark_held", "__schedule_bug",
	"__mutex_lock", "mutex_lock", "__kmalloc", "kmalloc_trace", "kmem_cache_alloc", "kmem_cache_destroy", "dump_header", "oom_kill", "out_of_memory", "__alloc_pages", "slab_post_alloc", "kfree",
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

// stableTitle names the fault without what differs from run to run.
func (r *report) stableTitle(f *Fault) string {
	what := r.head.title
	switch {
	case r.head == &warned:
		what = "WARNING: " + normal(r.title)
	case r.head.kind == Bug && r.note() != "":
		what = "kernel BUG: " + normal(r.note())
	case r.head.kind == Warning:
		what = "WARNING"
		if r.note() != "" {
			what += ": " + normal(r.note())
		}
	case r.head.kind == KCSAN:
		return normal(strings.TrimPrefix(r.title, "BUG: "))
	case r.head.kind == UBSAN:
		what, _, _ = strings.Cut(r.title, " in ")
	case r.head.ends == ruled:
		what, _, _ = strings.Cut(strings.TrimPrefix(r.title, "BUG: "), " in ")
	case r.head.kind == SlabCorruption:
		cache, _, _ := strings.Cut(r.title, " (")
		what = cache + ": " + normal(r.slabProblem())
	case r.head.kind == BadPage, r.head.kind == MSRAccess:
		what = beforeDetail(r.title)
	case what == "":
		what = normal(r.title)
	}
	what = strings.TrimSuffix(strings.TrimSuffix(what, "!"), ".")
	if at, ok := r.place(f.Frames); ok && !strings.Contains(what, " "+at.place()) {
		return what + " in " + at.place()
	}
	return what
}

// beforeDetail cuts what names a process, an address or a register.
func beforeDetail(title string) string {
	for _, from := range []string{" in process ", " from 0x", " to 0x", " (", " pte:", " mm:", " 0x"} {
		title, _, _ = strings.Cut(title, from)
	}
	return normal(title)
}
