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
	{"kmem_cache_free(", "belongs to different cache", SlabCorruption},
	{"virt_to_cache: ", "", SlabCorruption},
	{"DEBUG_LOCKS_WARN_ON", "", Lockdep},
}

// sources are files of the kernel whose every BUG and WARNING is of one kind.
var sources = []struct {
	file string
	kind Kind
}{
	{"lib/refcount.c", Refcount},
	{"lib/list_debug.c", ListCorruption},
	{"lib/debugobjects.c", UseAfterFree},
	{"mm/usercopy.c", Usercopy},
}

// classify makes the kind more exact by what else the report says.
func (r *report) classify(f *Fault) {
	if f.Kind == Bug || f.Kind == Warning {
		for _, source := range sources {
			if strings.Contains(r.title, source.file+":") {
				f.Kind = source.kind
			}
		}
		for _, note := range []string{r.note(), r.title} {
			if kind, ok := kindOfNote(note); ok {
				f.Kind = kind
			}
		}
	}
	switch {
	case f.Kind == GeneralProtection && r.has("KASAN: null-ptr-deref in range"):
		f.Kind = NullDereference // of which KASAN makes an address that can not be
	case f.Kind == GeneralProtection && r.has("KASAN: probably user-memory-access in range"):
		f.Kind = PageFault
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
		return r.noteBehind()
	}
	for _, note := range r.notes {
		if _, ok := kindOfNote(note); ok {
			return note
		}
	}
	return r.notes[0]
}

// noteBehind is the message where it stands behind the head, as on machines that
// make a warning by a call and not by an exception.
func (r *report) noteBehind() string {
	if r.head.kind != Warning || r.headAt+1 >= r.solid {
		return ""
	}
	text := r.lines[r.headAt+1].text
	if _, ok := kindOfNote(text); ok {
		return text
	}
	return ""
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
		if strings.HasPrefix(l.text, " lock: ") { // a variable
			continue
		}
		if fr, ok := frameIn(l.text); ok {
			f.Frames = append(f.Frames, fr)
		}
	}
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
	case r.head.kind == BadPage, r.head.kind == MSRAccess, strings.HasPrefix(r.title, "BUG: spinlock "), strings.HasPrefix(r.title, "BUG: rwlock "):
		what = beforeDetail(r.title)
	case what == "":
		what = normal(r.title)
	}
	what = strings.TrimSuffix(strings.TrimSuffix(what, "!"), ".")
	if at, ok := r.place(f.Frames); ok && !names(what, at.place()) {
		return what + " in " + at.place()
	}
	return what
}

// names tells whether a title has a place as words of its own.
func names(title, place string) bool {
	_, behind, ok := strings.Cut(title+" ", " "+place)
	return ok && !isSymbol(behind[0])
}

// beforeDetail cuts what names a process, an address or a register.
func beforeDetail(title string) string {
	for _, from := range []string{" in process ", " from 0x", " to 0x", " (", " pte:", " mm:", " 0x", " on CPU#"} {
		title, _, _ = strings.Cut(title, from)
	}
	return normal(title)
}
