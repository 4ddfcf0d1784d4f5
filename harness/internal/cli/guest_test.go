package cli

import (
	"slices"
	"strings"
	"testing"
)

func TestFlagsOfTestAreOursOrOfGoTest(t *testing.T) {
	for _, test := range []struct{ args, own, rest string }{
		{"./...", "", "./..."},
		{"--host=none -v ./...", "--host=none", "-v ./..."},
		{"-v --host=none ./...", "--host=none", "-v ./..."},
		{"-v ./... --host none --fresh -run X", "--host none --fresh", "-v ./... -run X"},
		{"--count=1 --cpus 4 --run X", "--cpus 4", "--count=1 --run X"},
		{"-k 6.12 -v .", "-k 6.12", "-v ."},
		{"-k=6.12 .", "-k=6.12", "."},
		{". -kernel=mine", "", ". -kernel=mine"},
		{"-v . -args --host=mine", "", "-v . -args --host=mine"},
		{"--memory 1024 -- --kernel=mine", "--memory 1024", "--kernel=mine"},
	} {
		own, rest, err := splitOwn(strings.Fields(test.args))
		if err != nil || !slices.Equal(own, strings.Fields(test.own)) || !slices.Equal(rest, strings.Fields(test.rest)) {
			t.Errorf("%s: got %q and %q, %v; want %q and %q", test.args, own, rest, err, test.own, test.rest)
		}
	}
}

func TestFlagsOfTestThatAreWrong(t *testing.T) {
	for args, want := range map[string]string{
		"-v . --host":        "--host needs a value",
		"--cpus=many ./...":  "invalid argument",
		"-v ./... --memory=": "invalid argument",
	} {
		if _, stderr, status := run(t, append([]string{"test"}, strings.Fields(args)...)...); status == 0 || !strings.Contains(stderr, want) {
			t.Errorf("test %s: exit status %d, %q; want %q", args, status, stderr, want)
		}
	}
}
