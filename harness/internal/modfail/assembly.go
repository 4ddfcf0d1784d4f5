package modfail

import (
	"fmt"
	"slices"
	"strings"
)

// Names of symbols.
const (
	callPrefix    = "kmodtest_call_"      // of the code that is called instead of a function
	moduleSymbol  = "kmodtest_fail_calls" // of struct module_calls
	sectionPrefix = "$d.kmodtest"         // of the beginnings of sections; the kernel ignores such names in call traces
)

// code has what a call of a function jumps to. It leaves everything as the caller has
// set it, except for two registers that a function may change.
const code = `
	.globl %[1]s
	.type %[1]s, @function
%[1]s:
	endbr64
	leaq .Lsite%[2]d(%%rip), %%r10
	movq ` + moduleSymbol + `(%%rip), %%r11
	testq %%r11, %%r11
	je .Lgo%[2]d
	jmp *%%r11
.Lgo%[2]d:
	endbr64
	jmp %[3]s
	.size %[1]s, . - %[1]s
`

// site is a struct site of the runtime.
const site = `.Lsite%[1]d:
	.quad .Lname%[1]d, .Lgo%[1]d, %[2]s, ` + moduleSymbol + `
	.long %[3]d, %[4]d, %[5]d, %[6]d, %[7]d, %[8]d
`

// assembly returns the code for a module, for the assembler.
func (m *module) assembly(classes []string) string {
	var text, sites, places, data strings.Builder
	for i, f := range m.functions {
		fmt.Fprintf(&text, code, callPrefix+f.symbol, i, f.symbol)
		class, keep := "0", 0
		if f.class != "" {
			class = fmt.Sprintf(".Lclass%d", slices.Index(classes, f.class))
		}
		if f.keep {
			keep = 1
		}
		fmt.Fprintf(&sites, site, i, class, slices.Index(classes, f.class), f.failure, f.failed, f.holding, f.key, keep)
		fmt.Fprintf(&data, ".Lname%d: .asciz %q\n", i, f.name)
	}
	for i, class := range classes {
		fmt.Fprintf(&data, ".Lclass%d: .asciz %q\n", i, class)
	}
	for i, p := range m.places {
		fmt.Fprintf(&places, "\t.quad \"%s%d\" + %d, .Lplace%d\n", sectionPrefix, p.section, p.offset, i)
		fmt.Fprintf(&data, ".Lplace%d: .asciz %q\n", i, p.text)
	}
	return "\t.section .text.kmodtest, \"ax\", @progbits" + text.String() +
		"\t.section .data.kmodtest, \"aw\", @progbits\n\t.balign 8\n.Lsites:\n" + sites.String() +
		"\t.globl " + moduleSymbol + "\n\t.type " + moduleSymbol + ", @object\n" + moduleSymbol + ":\n" +
		fmt.Sprintf("\t.quad 0, .Lsites, %d, %d\n", len(m.functions), len(m.places)) + places.String() +
		"\t.size " + moduleSymbol + ", . - " + moduleSymbol + "\n" +
		"\t.section .rodata.kmodtest, \"a\", @progbits\n" + data.String() +
		"\t.section .note.GNU-stack, \"\", @progbits\n"
}
