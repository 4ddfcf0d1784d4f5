// Package dump recognizes the lines of a dump of registers, memory and calls, which the kernel prints after the line
// that names a fault.
package dump

import (
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/klog/trace"
)

// IsRule recognizes the lines of = before and after a report.
func IsRule(text string) bool {
	return len(text) > 20 && strings.Trim(text, "=") == ""
}

// beginnings are the beginnings of lines that are part of a dump, by their first byte.
// Lines that begin with a space always are.
var beginnings = map[byte][]string{
	'"': {`"echo 0 > /proc/sys/kernel/hung_task`},
	'#': {"#PF: "},
	'(': {"([<", "(detected by", "(t="},
	'-': {"--- interrupt: ", "-> "},
	'>': {">"},
	'8': {"8<--- cut here"},
	'A': {"Allocated in ", "Allocated by task ", "Allocated:", "AS:"},
	'B': {"Bytes b4 ", "Buffer I/O", "Backtrace:", "Bytes ", "BE PAGE_SIZE"},
	'C': {"CPU: ", "Code: ", "Call Trace:", "Call trace:", "CFAR: ", "CFI: ", "CR0: ", "Control: "},
	'D': {"Disabling lock debugging due to kernel taint", "DEAR: "},
	'E': {"EIP: ", "EIP is at ", "ESR: ", "EAX: ", "ESI: ", "Exception stack"},
	'F': {
		"Freed in ", "Freed by task ", "Freed:", "FIX ", "FAR: ", "FAR_EL1", "Fixing recursive fault", "Failing address: ", "Fault in ",
		"Faulting instruction address", "Flags: ",
	},
	'H': {"Hardware name: "},
	'I': {
		"INFO: lockdep is turned off", "INFO: Allocated in ", "INFO: Freed in ", "INFO: Slab 0x", "INFO: Object 0x", "INFO: 0x",
		"INFO: task ", // is blocked on a mutex likely owned by
		"Instruction dump:", "Internal error: ", "Insufficient stack space", "IRQ stack: ", "IP: ", "IRQMASK: ",
	},
	'K': {"Kernel Offset: ", "Krnl PSW", "Krnl GPRS", "Krnl Code", "Kernel attempted to "},
	'L': {"LR is at ", "LR [", "LE PAGE_SIZE", "Local variable ", "Last Breaking-Event", "Last potentially related work"},
	'M': {"Modules linked in:", "Mem-Info:", "Mem abort info:", "Memory state around", "Memory access of size", "MSR: ", "MMU: "},
	'N': {"NMI backtrace for cpu ", "NIP", "NMI backtrace"},
	'O': {"Oops", "Object ", "Overflow stack: "},
	'P': {"PGD ", "Preemption disabled at", "Padding ", "Process ", "PC is at ", "PREEMPT ", "PC: "},
	'R': {
		"RCU nest depth: ", "Redzone ", "Rebooting in ", "RIP", "RSP", "REGS: ", "Register ", "R10: ", "Read of size ", "Reported by Kernel Concurrency",
	},
	'S': {"Sending NMI ", "Slab 0x", "Stack:", "Showing ", "Second to last potentially", "Stopper: ", "STATUS: ", "ST: "},
	'T': {
		"Tainted: ", "Task dump for CPU", "The buggy address", "Thread overran stack", "Task stack: ", "Tasks blocked",
		"The code is fine but needs", "TASK = ",
	},
	'U': {"Unable to handle kernel", "Uninit was "},
	'W': {"Workqueue: ", "Write of size "},
	'X': {"XER: "},
	'[': {"[last unloaded", "[<"},
	'b': {"backtrace", "but task ", "but there are no more", "bl  ", "bx  "},
	'c': {"comm \""},
	'e': {"epc : ", "epc   : ", "ecr: "},
	'f': {"flags: ", "fbcon", "fault address"},
	'g': {"gp : "},
	'h': {"hardirqs last ", "hex dump ", "head: "},
	'i': {"in_atomic(): ", "irq event stamp: ", "invalid mapping:", "index:"},
	'k': {"kernel tried to execute ", "kmemleak:   ", "kmemleak:     ", "kasan: ", "kfence-#", "kthread starved"},
	'l': {"lr : ", "lock: "},
	'n': {"note: ", "no locks held by ", "no preempt count"},
	'o': {"other info that "},
	'p': {
		"preempt_count: ", "page:", "page: ", "page dumped because: ", "page_type: ", "pool ", "pstate: ", "pc : ", "pgd = ", "pfn:", "psr: ", "page last ",
		"page_owner ", "page allocated via", "pmr: ", "page has been",
	},
	'r': {"raw: ", "rcu: ", "rcu_", "r10: ", "ra : ", "ref_tracker: "},
	's': {"softirqs last ", "stack backtrace:", "sp : ", "status: ", "set at "},
	't': {"task:", "the existing dependency chain", "to a ", "turning off the locking correctness", "tp : "},
	'u': {"unwind stack type:", "user pgtable: "},
	'v': {"value changed: "},
	'w': {"workqueue ", "which lock already depends on", "which would create"},
	'y': {"you didn't initialize this object"},
	'{': {"{"},
	'}': {"}"},
}

// IsLine reports whether a line, without the prefix of the console, looks like one of a dump.
func IsLine(text string) bool {
	switch {
	case text == "":
		return true
	case text[0] == ' ', text[0] == '\t':
		return true
	case isRegister(text), isHexDump(text):
		return true
	case trace.IsFrame(text), text[0] == '<' && (strings.HasPrefix(text, "<TASK>") || strings.HasPrefix(text, "</") || strings.HasPrefix(text, "<IRQ>") || strings.HasPrefix(text, "<EOI>")):
		return true // without the spaces before it
	case strings.HasPrefix(text, "0x"): // 0xADDRESS-0xADDRESS @offset=, of a slab
		return true
	case text[0] >= '1' && text[0] <= '9' && strings.Contains(text, " held by "):
		return true
	case text[0] == 'x':
		return len(text) > 4 && text[1] >= '0' && text[1] <= '9' && strings.Contains(text[:5], ":") // a register of arm64
	case text[0] == '[':
		inside, _, ok := strings.Cut(text[1:], "]")
		if ok && isHex(inside) { // a stack of ppc64, a page table of arm
			return true
		}
	}
	for _, prefix := range beginnings[text[0]] {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}

// isHexDump recognizes "7ce0: 9ecb0000 80a72400", "000: 6b 6b" and lines of
// instructions or a stack in hexadecimal.
func isHexDump(text string) bool {
	first, rest, _ := strings.Cut(text, " ")
	name, colon := strings.CutSuffix(first, ":")
	if !isHex(name) || rest == "" {
		return false
	}
	words := 0
	for word := range strings.FieldsSeq(rest) {
		if !isHex(strings.Trim(word, "<>()")) {
			break
		}
		words++
	}
	return colon && words > 0 && len(name) >= 3 || len(name) >= 8 && words > 1
}

// isRegister recognizes "RAX: 0123" and the like, also "DR0: ", "FS:  ", "PKRU: "
// and, on arm, "r10: 0123" and "sp : 0123".
func isRegister(text string) bool {
	name, rest, ok := strings.Cut(text, ":")
	name = strings.TrimRight(name, " ")
	if !ok || len(name) < 2 || len(name) > 6 || rest == "" || rest[0] != ' ' {
		return false
	}
	lower := 0
	for i := range len(name) {
		c := name[i]
		if c >= 'a' && c <= 'z' {
			lower++
		} else if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	rest = strings.TrimLeft(rest, " ")
	digits := 4
	if lower > 0 {
		digits = 8
	}
	return len(rest) >= digits && isHex(strings.ToLower(rest[:digits]))
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return s != ""
}

// IsLockLine recognizes the lines that lockdep prints before its backtrace.
func IsLockLine(text string) bool {
	for _, part := range []string{"lock", "{", "***", "->", "..", "RCU", "rcu", "irq", "---", "/", "annotation", "acquire", "release", "tainted", "Tainted"} {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// IsUnwindLine recognizes the words of a stack that the unwinder prints.
func IsUnwindLine(text string) bool { return strings.HasSuffix(text, ")") && isHexDump(text) }

// IsLoadLine recognizes what follows the message about an init function.
func IsLoadLine(text string) bool { return strings.Contains(text, "loading module anyway") }
