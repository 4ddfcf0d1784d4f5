// Package bootfail decides whether a machine that did not start deserves another one, since
// not its kernel but QEMU or KVM may be the cause.
package bootfail

import (
	"errors"
	"regexp"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/verdict"
)

// OfQEMU returns what ended a machine under TCG before its first process greeted, if an
// error of QEMU can be the cause, or "". err is why the machine ended.
func OfQEMU(greeted bool, err error) string {
	var end *verdict.EndError
	switch {
	case greeted:
		return ""
	case errors.As(err, new(*verdict.SilenceError)):
		return "the kernel hung"
	case errors.As(err, &end) && end.Err != nil && crashed.MatchString(end.Err.Error()):
		first, _, _ := strings.Cut(end.Err.Error(), "\n")
		return "QEMU died (" + first + ")"
	}
	return ""
}

// aboutKVM matches QEMU's messages about KVM.
var aboutKVM = regexp.MustCompile(`(?i)kvm|\bmsrs?\b`)

// OfKVM returns why a machine that did not start under KVM should be tried without it, or
// "". alive reports whether there was any sign of life, err is why the machine ended, and
// said returns QEMU's messages.
func OfKVM(alive bool, err error, said func() string) string {
	var silence *verdict.SilenceError
	var end *verdict.EndError
	switch {
	case alive:
		return ""
	case errors.As(err, &silence):
		if line := lineAboutKVM(said()); line != "" {
			return line
		}
		return silence.Reason
	case errors.As(err, &end) && end.Err != nil:
		if crashed.MatchString(end.Err.Error()) {
			return end.Err.Error()
		}
		return lineAboutKVM(end.Err.Error())
	}
	return ""
}

// crashed matches the errors of a QEMU that died of itself.
var crashed = regexp.MustCompile(`^signal: (aborted|segmentation fault|bus error|illegal instruction)`)

// lineAboutKVM returns the first line of a text that is about KVM, or "".
func lineAboutKVM(text string) string {
	for line := range strings.Lines(text) {
		if aboutKVM.MatchString(line) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
