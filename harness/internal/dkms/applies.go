package dkms

import (
	"bufio"
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/kernelinfo"
)

// applies returns a *NotApplicableError if the file excludes the kernel, whose
// configuration is the text of a .config.
func (f *file) applies(kernel Kernel, config []byte) error {
	checks := []struct {
		directive string
		excludes  func(value string) (string, error) // why the value excludes the kernel; "" if it does not
	}{
		{"BUILD_EXCLUSIVE_KERNEL", func(v string) (string, error) { return unmatched(v, "the kernel's release", kernel.Release) }},
		{"BUILD_EXCLUSIVE_KERNEL_MIN", func(v string) (string, error) {
			return unless(kernelinfo.CompareReleases(kernel.Release, v) >= 0, "the kernel is "+kernel.Release)
		}},
		{"BUILD_EXCLUSIVE_KERNEL_MAX", func(v string) (string, error) {
			return unless(kernelinfo.CompareReleases(kernel.Release, v) <= 0, "the kernel is "+kernel.Release)
		}},
		{"BUILD_EXCLUSIVE_ARCH", func(v string) (string, error) { return unmatched(v, "the machine", kernel.Arch) }},
		{"BUILD_EXCLUSIVE_CONFIG", func(v string) (string, error) { return unconfigured(v, options(config)), nil }},
		{"OBSOLETE_BY", func(v string) (string, error) {
			return unless(kernelinfo.CompareReleases(kernel.Release, v) < 0, "the kernel is "+kernel.Release+", which has the module itself")
		}},
	}
	for _, check := range checks {
		value, ok := f.values[check.directive][0]
		if !ok {
			continue
		}
		line := f.lines[check.directive]
		why, err := check.excludes(value)
		if err != nil {
			return &Error{Path: f.path, Line: line, Problem: fmt.Sprintf("%s=%q: %v", check.directive, value, err)}
		}
		if why != "" {
			if f.said != "" {
				why += "; it printed: " + f.said
			}
			return &NotApplicableError{Path: f.path, Line: line, Reason: fmt.Sprintf("%s is %q, but %s", check.directive, value, why)}
		}
	}
	return nil
}

func unless(holds bool, why string) (string, error) {
	if holds {
		return "", nil
	}
	return why, nil
}

// unmatched returns a reason if a regular expression does not match a text.
func unmatched(expression, what, text string) (string, error) {
	re, err := regexp.Compile(expression)
	if err != nil {
		return "", err
	}
	return unless(re.MatchString(text), what+" is "+text)
}

// options returns the options of a kernel's configuration that are y or m.
func options(config []byte) map[string]bool {
	on := map[string]bool{}
	for lines := bufio.NewScanner(bytes.NewReader(config)); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), "="); value == "y" || value == "m" {
			on[name] = true
		}
	}
	return on
}

// unconfigured returns why a list of options excludes a kernel that has those options;
// "!" before an option means that it must be off.
func unconfigured(list string, on map[string]bool) string {
	if len(on) == 0 {
		return "" // without a .config nothing is known, and DKMS builds as well
	}
	var wrong []string
	for option := range strings.FieldsSeq(list) {
		name, off := strings.CutPrefix(option, "!")
		switch {
		case off && on[name]:
			wrong = append(wrong, name+" is on")
		case !off && !on[name]:
			wrong = append(wrong, name+" is off")
		}
	}
	if len(wrong) == 0 {
		return ""
	}
	return "in the kernel's configuration " + strings.Join(wrong, ", ")
}
