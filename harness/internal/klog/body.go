package klog

import (
	"strings"
)

const (
	cutHere    = "------------[ cut here ]------------"
	endOfTrace = "---[ end trace"
	endOfPanic = "---[ end Kernel panic"
)

// isRule knows the lines of = that reports are put between.
func isRule(text string) bool {
	return len(text) > 20 && strings.Trim(text, "=") == ""
}

// bodies are what lines of a dump begin with that do not begin with a space.
var bodies = map[byte][]string{
	'"': {`"echo 0 > /proc/sys/kernel/hung_task`},
	'#': {"#PF: "},
	'A': {"Allocated in ", "Allocated by task "},
	'B': {"Bytes b4 ", "Buffer I/O"},
	'C': {"CPU: ", "Code: ", "Call Trace:", "Call trace:"},
	'D': {"Disabling lock debugging due to kernel taint", "DEBUG_LOCKS_WARN_ON"},
	'F': {"Freed in ", "Freed by task ", "FIX "},
	'H': {"Hardware name: "},
	'I': {
		"INFO: lockdep is turned off", "INFO: Allocated in ", "INFO: Freed in ", "INFO: Slab 0x", "INFO: Object 0x", "INFO: 0x",
		"INFO: task ", // is blocked on a mutex likely owned by
	},
	'K': {"Kernel Offset: "},
	'M': {"Modules linked in:", "Mem-Info:"},
	'N': {"NMI backtrace for cpu "},
	'O': {"Oops: ", "Object "},
	'P': {"PGD ", "Preemption disabled at", "Padding ", "Process "},
	'R': {"RCU nest depth: ", "Redzone ", "Rebooting in "},
	'S': {"Sending NMI ", "Slab 0x", "Stack:", "Showing "},
	'T': {"Tainted: ", "Task dump for CPU", "The buggy address", "Thread overran stack"},
	'W': {"Workqueue: "},
	'[': {"[last unloaded"},
	'b': {"backtrace", "but task ", "but there are no more"},
	'c': {"comm \""},
	'f': {"flags: ", "fbcon"},
	'h': {"hardirqs last ", "hex dump "},
	'i': {"in_atomic(): ", "irq event stamp: ", "invalid mapping:"},
	'k': {"kernel tried to execute ", "kmemleak:   ", "kmemleak:     "},
	'n': {"note: ", "no locks held by ", "no preempt count"},
	'o': {"other info that "},
	'p': {"preempt_count: ", "page:", "page: ", "page dumped because: ", "page_type: ", "pool ", "pstate: ", "pc : "},
	'r': {"raw: ", "rcu: ", "rcu_"},
	's': {"softirqs last ", "stack backtrace:"},
	't': {"task:", "the existing dependency chain", "to a "},
	'w': {"workqueue ", "which lock already depends on"},
}

// isBody tells whether a line looks like one of a dump.
func isBody(text string) bool {
	switch {
	case text == "":
		return true
	case text[0] == ' ', text[0] == '\t':
		return true
	case isRegister(text):
		return true
	case text[0] == '0': // 0xADDRESS-0xADDRESS @offset=, of a slab; 000: bytes
		return strings.HasPrefix(text, "0x")
	case text[0] >= '1' && text[0] <= '9':
		return strings.Contains(text, " held by ")
	}
	for _, prefix := range bodies[text[0]] {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}

// isRegister knows "RAX: 0123" and the like, also "DR0: ", "FS:  " and "PKRU: ".
func isRegister(text string) bool {
	name, rest, ok := strings.Cut(text, ":")
	if !ok || len(name) < 2 || len(name) > 6 || rest == "" || rest[0] != ' ' {
		return false
	}
	for i := range len(name) {
		if c := name[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	rest = strings.TrimLeft(rest, " ")
	return len(rest) > 3 && isHex(rest[:4])
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return s != ""
}

// isLockBody knows what lockdep says before its backtrace.
func isLockBody(text string) bool {
	for _, part := range []string{"lock", "{", "***", "->", "..", "RCU", "rcu", "irq", "---", "/"} {
		if strings.Contains(text, part) {
			return true
		}
	}
	return isBody(text)
}
