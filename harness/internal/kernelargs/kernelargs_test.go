package kernelargs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodtest/kmodtest/harness/internal/qemu/board"
)

func x86(t *testing.T) board.Board {
	t.Helper()
	b, err := board.Of("amd64")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		texts, want []string
	}{
		{nil, nil},
		{[]string{"", "  "}, nil},
		{[]string{"a=1  b", "\tc\n"}, []string{"a=1", "b", "c"}},
		{[]string{`dyndbg="file a.c +p; file b.c +p" x`}, []string{`dyndbg="file a.c +p; file b.c +p"`, "x"}},
		{[]string{`"a=1 2"`}, []string{`"a=1 2"`}},
		{[]string{"console=ttyS0 panic=-1 b"}, []string{"b"}}, // as the harness has them
		{[]string{"rcupdate.rcu_expedited=0 panic_on_warn=1 initcall_debug"}, []string{"rcupdate.rcu_expedited=0", "panic_on_warn=1", "initcall_debug"}},
	} {
		got, err := Parse(c.texts, x86(t))
		if err != nil {
			t.Errorf("%q: %v", c.texts, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q: %s", c.texts, diff)
		}
	}
}

func TestKernelArgsThatBreakTheHarnessAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"a=1 console=tty0":        "console=tty0 is not possible: the host reads the last messages",
		"quiet":                   "serial console",
		"loglevel=8":              "serial console",
		"panic=0":                 "it would hang",
		"oops=continue":           "it would hang",
		"printk.devkmsg=off":      "a mark for each test",
		"init=/bin/sh":            "first process",
		`"rdinit=/bin/sh"`:        "first process",
		"root=/dev/vda":           "first process",
		"a -- b":                  "takes no arguments",
		"nomodule":                "loads modules",
		`a="b c`:                  "quotation mark",
		"a\x00b":                  "null byte",
		strings.Repeat("a", 2047): "the kernel reads only 2047",
	} {
		if got, err := Parse([]string{text}, x86(t)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %q, %v; want an error with %q", text, got, err, want)
		}
	}
	fits := strings.Repeat("a", x86(t).MaxKernelArgs-len(strings.Join(Own(x86(t)), " "))-1)
	if _, err := Parse([]string{fits}, x86(t)); err != nil {
		t.Errorf("parameters that fit: %v", err)
	}
	if _, err := Parse([]string{fits + "a"}, x86(t)); err == nil || !strings.Contains(err.Error(), "have 2048 bytes") {
		t.Errorf("parameters that are too long by one byte: %v", err)
	}
}

func TestParametersAreFoundByName(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "tsc=reliable": true, "a b tsc": true, `"tsc=unstable"`: true, "tsc_early_khz=1": false, "x-y.z=1": true, `"x_y.z"`: true, "tsc.x=1": false,
	} {
		args, err := Parse([]string{text}, x86(t))
		if err != nil {
			t.Fatal(err)
		}
		if got := Has(args, "tsc", "x_y.z"); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}
