package kbuild

import (
	"strings"
	"testing"
)

func TestAdviceOnFlag(t *testing.T) {
	for output, flag := range map[string]string{
		"gcc: error: unrecognized command-line option '-fnew=16'; did you mean '-fold'?": "-fnew=16",
		"gcc: error: unrecognized command line option ‘-fnew’":                           "-fnew",
		"error: unknown argument: '-fnew'":                                               "-fnew",
		"m.c:1: error: unknown type name 'x'":                                            "",
	} {
		if got := unknownFlag(output); got != flag {
			t.Errorf("%s: got flag %q, want %q", output, got, flag)
		}
	}
	got := adviseOnFlag("-fnew", "gcc-12 (Debian 12.2.0-14) 12.2.0", "gcc-9 (Debian) 9.1.0")
	for _, part := range []string{"-fnew", "built by gcc-12 (Debian 12.2.0-14) 12.2.0", "CC is gcc-9 (Debian) 9.1.0", "set CC=gcc-12"} {
		if !strings.Contains(got, part) {
			t.Errorf("the advice is %q, want %q in it", got, part)
		}
	}
}
