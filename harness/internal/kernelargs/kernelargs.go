// Package kernelargs decides which parameters the guest's kernel gets.
package kernelargs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/qemu/board"
)

// Own returns the kernel parameters that the harness relies on.
func Own(b board.Board) []string {
	return slices.Concat([]string{
		"console=" + b.Console,
		"loglevel=5",        // the kernel log is sent over the channel; the console is for fault reports, which may appear only there
		"panic=-1",          // a panic ends the machine at once
		"oops=panic",        // as does an oops: others could wait forever for the thread that died in the kernel
		"printk.devkmsg=on", // do not limit what user space writes to the kernel log
	}, b.KernelArgs, []string{
		// For a machine that hangs (Press and Strike of package qemu): answer any key on the
		// console, and panic on an NMI. The first processor gets both: if it
		// takes no keys, its backtrace is the one of interest.
		"sysrq_always_enabled",
		"irqaffinity=0",
		// Unloading a module and destroying a network namespace wait for RCU
		// grace periods, which take long on emulated CPUs.
		"rcupdate.rcu_expedited=1",
		"rdinit=/init",
	})
}

// Reasons for several of the parameters.
const (
	readsConsole = "the host reads the last messages of a kernel that dies from its serial console"
	startsInit   = "the harness's own first process runs from the initramfs"
	endsMachine  = "the end of the machine reports the fault; with another value, it would hang"
)

// refused are the parameters that would break the harness, and why.
var refused = map[string]string{
	"console":         readsConsole,
	"loglevel":        readsConsole,
	"quiet":           readsConsole,
	"debug":           readsConsole,
	"ignore_loglevel": readsConsole,
	"panic":           endsMachine,
	"oops":            endsMachine,
	"printk.devkmsg":  "the harness writes a mark for each test to the kernel log, which must not be limited",
	"init":            startsInit,
	"rdinit":          startsInit,
	"noinitrd":        startsInit,
	"initrd":          startsInit,
	"root":            startsInit,
	"nomodule":        "the harness loads modules",
	"--":              startsInit + ", and takes no arguments",
}

// Parse splits texts into kernel parameters as the kernel does: at white
// space that is not between double quotes. It leaves out those that the harness sets
// itself, and returns an error for those that would break it.
func Parse(texts []string, b board.Board) ([]string, error) {
	var args []string
	own := Own(b)
	for _, text := range texts {
		words, err := splitKernelArgs(text)
		if err != nil {
			return nil, err
		}
		for _, word := range words {
			name, _, _ := strings.Cut(word, "=")
			switch reason := refused[kernelName(name)]; {
			case slices.Contains(own, word):
			case reason != "":
				return nil, fmt.Errorf("the kernel parameter %s is not possible: %s", word, reason)
			default:
				args = append(args, word)
			}
		}
	}
	if !Fit(args, b) {
		return nil, fmt.Errorf("the kernel parameters have %d bytes, with those of the harness; the kernel reads only %d", length(args, b), b.MaxKernelArgs)
	}
	return args, nil
}

// Fit reports whether the kernel reads all of these parameters, after those of the harness.
func Fit(args []string, b board.Board) bool { return length(args, b) <= b.MaxKernelArgs }

// length returns the length of a command line.
func length(args []string, b board.Board) int {
	return len(strings.Join(slices.Concat(Own(b), args), " "))
}

// Has reports whether one of the parameters has one of these names, with "_" for "-".
func Has(args []string, names ...string) bool {
	return slices.ContainsFunc(args, func(arg string) bool {
		name, _, _ := strings.Cut(arg, "=")
		return slices.Contains(names, strings.TrimSuffix(kernelName(name), `"`))
	})
}

// kernelName returns a parameter's name as in refused: the kernel does not
// distinguish dashes from underscores. Quotes may surround a parameter.
func kernelName(name string) string {
	if name == "--" {
		return name
	}
	return strings.ReplaceAll(strings.TrimPrefix(name, `"`), "-", "_")
}

func splitKernelArgs(text string) ([]string, error) {
	if strings.ContainsRune(text, 0) {
		return nil, fmt.Errorf("the kernel parameters %q contain a null byte", text)
	}
	quoted := false
	words := strings.FieldsFunc(text, func(c rune) bool {
		if c == '"' {
			quoted = !quoted
		}
		return !quoted && strings.ContainsRune(" \t\n\v\f\r", c)
	})
	if quoted {
		return nil, errors.New("the kernel parameters " + text + " have a quotation mark without its other half")
	}
	return words, nil
}
