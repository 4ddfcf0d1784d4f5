package fuzzinput

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/machine"
)

func TestInputsOfDeadMachineAreKept(t *testing.T) {
	t.Parallel()
	tried := func(text string) inside.Input { return inside.Input{Text: text, Whole: true, Running: true} }
	ended := func(text string) inside.Input { return inside.Input{Text: text, Whole: true} }
	for name, c := range map[string]struct {
		target string
		inputs []inside.Input
		kept   []string
		want   string // part of the message
	}{
		"one": {
			"FuzzX",
			[]inside.Input{tried("a")},
			[]string{"a"},
			"the input that was being tried is kept: testdata/fuzz/FuzzX/ca978112ca1bbdca\ntry it again: go test -run=FuzzX/ca978112ca1bbdca\n",
		},
		"two":               {"FuzzX", []inside.Input{tried("a"), tried("b")}, []string{"a", "b"}, "is kept"},
		"one waits":         {"FuzzX", []inside.Input{ended("a"), tried("b")}, []string{"b"}, "the input that was being tried"},
		"both wait":         {"FuzzX", []inside.Input{ended("a"), ended("b")}, []string{"a", "b"}, "may not be the cause, is kept"},
		"none":              {"FuzzX", nil, nil, ""},
		"too long":          {"FuzzX", []inside.Input{{Text: "a", Running: true}}, nil, "is lost: the input has more than 131048 bytes"},
		"another directory": {"Fuzz/../../X", []inside.Input{tried("a")}, nil, "is lost"},
		"name cut off":      {"Fuzz" + strings.Repeat("X", 196) + "~1", []inside.Input{tried("a")}, nil, "is lost"},
		"a command":         {"FuzzX;reboot", []inside.Input{tried("a")}, nil, "is lost"},
		"not a fuzz target": {"TestX", []inside.Input{tried("a")}, nil, "is lost"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			var inputs []machine.FuzzInput
			for _, in := range c.inputs {
				inputs = append(inputs, machine.FuzzInput{Target: c.target, Input: in})
			}
			message := Keep(dir, inputs)
			if !strings.Contains(message, c.want) || c.want == "" && message != "" {
				t.Errorf("got %q, want %q in it", message, c.want)
			}
			var kept []string
			paths, err := filepath.Glob(filepath.Join(dir, "*", "*"))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range paths {
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				kept = append(kept, string(text))
			}
			if len(kept) != len(c.kept) {
				t.Fatalf("%d inputs are kept, want %d", len(kept), len(c.kept))
			}
			for _, want := range c.kept {
				if !strings.Contains(strings.Join(kept, "|"), want) {
					t.Errorf("%.20q is not kept", want)
				}
			}
		})
	}
}
