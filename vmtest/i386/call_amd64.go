package i386

// call makes a system call through int 0x80, the entry of 32-bit programs, which
// 64-bit programs can use too.
func call(number, a, b, c, d, e uint32) int32
