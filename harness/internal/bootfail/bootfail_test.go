package bootfail

import (
	"errors"
	"fmt"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/verdict"
)

func TestOnlyKVMsOwnFailuresAreItsFailures(t *testing.T) {
	silence := &verdict.SilenceError{Reason: "silence"}
	ended := func(text string) error { return &verdict.EndError{Err: errors.New(text)} }
	for name, c := range map[string]struct {
		alive bool
		err   error
		said  string
		want  string
	}{
		"silent":              {err: silence, want: "silence"},
		"silent with a cause": {err: silence, said: "a warning\nKVM: entry failed\n", want: "KVM: entry failed"},
		"silent later":        {alive: true, err: silence},
		"QEMU's option":       {err: ended("exit status 1: qemu: no such option: 'x'")},
		"KVM's option":        {err: ended("exit status 1: qemu: failed to initialize kvm: Device or resource busy"), want: "exit status 1: qemu: failed to initialize kvm: Device or resource busy"},
		"killed":              {err: ended("signal: killed")},
		"crashed":             {err: ended("signal: segmentation fault"), want: "signal: segmentation fault"},
		"crashed later":       {alive: true, err: ended("signal: aborted")},
		"switched off":        {err: &verdict.EndError{}},
		"no error":            {},
	} {
		if got := OfKVM(c.alive, c.err, func() string { return c.said }); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestOnlyBootsThatQEMUMayHaveBrokenAreRepeated(t *testing.T) {
	silence := fmt.Errorf("wrapped: %w", &verdict.SilenceError{Reason: "silence"})
	ended := func(text string) error { return &verdict.EndError{Err: errors.New(text)} }
	for _, c := range []struct {
		greeted bool
		err     error
		want    string
	}{
		{false, silence, "the kernel hung"},
		{true, silence, ""},
		{false, ended("signal: aborted: qemu: Assertion `section_index' failed."), "QEMU died (signal: aborted: qemu: Assertion `section_index' failed.)"},
		{true, ended("signal: aborted"), ""},
		{false, ended("signal: killed"), ""},
		{false, ended("exit status 1: qemu: no such option"), ""},
		{false, &verdict.EndError{}, ""},
		{false, nil, ""},
	} {
		if got := OfQEMU(c.greeted, c.err); got != c.want {
			t.Errorf("%+v: got %q, want %q", c, got, c.want)
		}
	}
}
