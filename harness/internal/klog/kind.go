package klog

// Kind is what sort of fault a report tells of. The names are stable: they are
// what users write to say which fault they expect.
type Kind string

// The kinds of faults. docs/faults.md says what each is.
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
	UseAfterFree      Kind = "use-after-free" // found by others than KASAN and KFENCE
	OutOfMemory       Kind = "out-of-memory"
	Usercopy          Kind = "usercopy"
	MSRAccess         Kind = "msr-access"
	ReferenceLeak     Kind = "reference-leak"
	Taint             Kind = "taint" // the kernel's own record tells of a fault, and its log does not
)

// ending is how the end of a report is told.
type ending int

const (
	dumped   ending = iota // with the dump of registers and calls
	traced                 // with ---[ end trace
	ruled                  // with a line of =
	oomKill                // with the process that was killed
	halted                 // with the log
	oneLine                // at once
	untraced               // with ---[ end trace if cut here follows, else at once
)
