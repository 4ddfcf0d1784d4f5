package debugger

import (
	_ "embed" // for orc.py
	"fmt"
	"strings"
)

// orcProgram unwinds the stack of a kernel without debug information.
//
//go:embed orc.py
var orcProgram []byte

// script is what gdb does at its start.
type script struct {
	socket  string
	kernel  symbols
	vmlinux string // the kernel's file with debug information; "" for none
	offset  uint64 // of the running kernel
	symbols string // file with the kernel's symbols, without vmlinux
	orc     string // path of orcProgram, without vmlinux
	oldORC  bool   // the kernel is older than Linux 6.4
	modules []loadedModule
}

// reports are functions that the kernel calls to report a fault, before it prints
// anything. A condition stands after some.
var reports = []struct{ function, condition string }{
	{"__warn", ""},                    // WARN
	{"oops_enter", ""},                // BUG, and accesses to bad addresses
	{"panic", ""},                     //
	{"kasan_report", ""},              // KASAN
	{"kasan_report_invalid_free", ""}, //
	{"ubsan_prologue", ""},            // UBSAN
	{"kfence_report_error", ""},       // KFENCE
	{"debug_locks_off", ""},           // lockdep
	{"add_taint", "$rdi == 14"},       // a soft lockup: TAINT_SOFTLOCKUP
	{"print_other_cpu_stall", ""},     // RCU
}

// text returns the script.
func (s script) text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Written by kmodtest for one machine: gdb -x THIS-FILE")
	line("set confirm off")
	switch {
	case s.vmlinux == "":
		line("file %s", quote(s.symbols))
	case s.offset == 0:
		line("file %s", quote(s.vmlinux))
	default:
		line("symbol-file -o %#x %s", s.offset, quote(s.vmlinux))
	}
	for _, m := range s.modules {
		line("add-symbol-file %s%s", quote(m.path), m.places())
	}
	if s.orc != "" && s.hasORC() {
		line("source %s", s.orc)
		line("python register_orc(%#x, %#x, %#x, old=%s)", s.kernel.byName["__start_orc_unwind_ip"], s.kernel.byName["__start_orc_unwind"],
			s.kernel.byName["__stop_orc_unwind_ip"], map[bool]string{true: "True", false: "False"}[s.oldORC])
	}
	line("target remote %s", s.socket)
	for _, r := range reports {
		address, ok := s.kernel.byName[r.function]
		if !ok {
			continue
		}
		condition := ""
		if r.condition != "" {
			condition = " if " + r.condition
		}
		line("break *%#x%s", address, condition)
	}
	line("set confirm on")
	line(`echo \nkmodtest: the modules are loaded and the tests have not begun. Set breakpoints, and continue.\n`)
	line(`echo kmodtest: gdb also stops where the kernel begins to report a fault; bt shows what led there.\n`)
	return b.String()
}

// hasORC reports whether the kernel has tables for orcProgram.
func (s script) hasORC() bool {
	start, stop := s.kernel.byName["__start_orc_unwind_ip"], s.kernel.byName["__stop_orc_unwind_ip"]
	return start != 0 && start < stop && s.kernel.byName["__start_orc_unwind"] != 0
}

// places returns the arguments of add-symbol-file with the addresses of the sections.
func (m loadedModule) places() string {
	var b strings.Builder
	for _, s := range m.sections {
		fmt.Fprintf(&b, " -s %s %#x", s.name, s.address)
	}
	return b.String()
}

// quote quotes a path for gdb and for a shell.
func quote(path string) string {
	if !strings.ContainsAny(path, " \t'\"\\$&|;<>()*?[]#~`!{}") {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
