package modprobe

import (
	"os"
	"strings"
)

// bootParameters returns the parameters of a module among those of the kernel, where they
// have its name in front: "tun.debug=1". The kernel itself uses them for built-in modules
// only.
func bootParameters(module string) []string {
	text, _ := os.ReadFile("/proc/cmdline") // without it there are none
	return parametersIn(string(text), module)
}

// parametersIn returns the parameters of a module in a command line of the kernel. A
// space between double quotes belongs to a value, and "-" is the same as "_" in names.
func parametersIn(cmdline, module string) []string {
	var found []string
	quoted := false
	for _, word := range strings.FieldsFunc(cmdline, func(c rune) bool {
		if c == '"' {
			quoted = !quoted
		}
		return !quoted && (c == ' ' || c == '\n')
	}) {
		if word == "--" { // the rest is for the first process
			break
		}
		name, parameter, ok := strings.Cut(word, ".")
		if ok && plainName(name) == plainName(module) {
			found = append(found, parameter)
		}
	}
	return found
}

func plainName(module string) string { return strings.ReplaceAll(module, "-", "_") }
