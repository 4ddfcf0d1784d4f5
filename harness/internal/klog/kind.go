package klog

// Kind is the kind of a fault. Its values are stable: users write them to name
// the fault that they expect.
type Kind string

// The kinds of faults. docs/faults.md describes each.
const (
	Panic             Kind = "panic"
	NullDereference   Kind = "null-dereference"
	PageFault         Kind = "page-fault"
	GeneralProtection Kind = "general-protection"
	Oops              Kind = "oops" // any other exception of the processor
	Bug               Kind = "bug"
	Warning           Kind = "warning"
	KASAN             Kind = "kasan"
	KCSAN             Kind = "kcsan"
	KMSAN             Kind = "kmsan"
	KFENCE            Kind = "kfence"
	UBSAN             Kind = "ubsan"
	Lockdep           Kind = "lockdep" // and the other checks of locks and RCU
	RCUStall          Kind = "rcu-stall"
	SoftLockup        Kind = "soft-lockup"
	HardLockup        Kind = "hard-lockup"
	HungTask          Kind = "hung-task"
	WorkqueueStall    Kind = "workqueue-stall"
	AtomicSchedule    Kind = "scheduling-while-atomic"
	InvalidSleep      Kind = "invalid-sleep"
	ListCorruption    Kind = "list-corruption"
	Refcount          Kind = "refcount"
	BadPage           Kind = "bad-page"
	SlabCorruption    Kind = "slab-corruption"
	MemoryLeak        Kind = "memory-leak"
	StackOverflow     Kind = "stack-overflow"
	UseAfterFree      Kind = "use-after-free" // not found by KASAN or KFENCE
	OutOfMemory       Kind = "out-of-memory"
	Usercopy          Kind = "usercopy"
	MSRAccess         Kind = "msr-access"
	ReferenceLeak     Kind = "reference-leak"
	Taint             Kind = "taint" // the kernel is tainted but logged no report
)

// ending is how the end of a report is recognized.
type ending int

const (
	dumped   ending = iota // the first lines that do not belong to a dump of registers and calls
	traced                 // ---[ end trace
	ruled                  // a line of =
	oomKill                // the line that names the killed process
	halted                 // the end of the log or the next boot
	oneLine                // its head
	tracked                // its head, and the stacks of ref_tracker that follow at once
	untraced               // ---[ end trace if cut here follows, else its head
)

// detail is text in the title of a fault in addition to the head's title.
type detail int

const (
	noDetail      detail = iota
	messageDetail        // the message of the BUG or WARNING
	lineDetail           // the line after the head
	slabDetail           // the problem of the object
)

// Taints reports whether a fault of this kind may set the kernel's taint. A kernel that goes on has not
// panicked.
func (k Kind) Taints() bool {
	return k != Panic && k != OutOfMemory && k != MemoryLeak && k != ReferenceLeak
}
