package i386

// call enters the kernel by the gate of 32-bit programs, which is there for
// 64-bit ones, too.
func call(number, a, b, c, d, e uint32) int32
