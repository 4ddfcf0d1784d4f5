package replay

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/request"
)

func TestLastFailedTestIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		output, test string
		flags        []string
	}{
		"nothing":     {"PASS\n", "", nil},
		"quiet":       {"--- FAIL: TestA (0.1s)\n    a_test.go:1: [rapid] failed; -rapid.seed=17\n--- FAIL: TestB (0.1s)\n    no\nFAIL\n", "TestB", nil},
		"quiet, seed": {"--- FAIL: TestB (0.1s)\n    x\n--- FAIL: TestA (0.1s)\n    -rapid.failfile=\"x\" (or -rapid.seed=17)\nFAIL\n", "TestA", []string{"-rapid.seed=17"}},
		"verbose": {
			"-test.shuffle 99\n=== RUN   TestA\n    -rapid.seed=1\n=== RUN   TestB\n=== NAME  TestA\n    -rapid.seed=2\n--- FAIL: TestA (0s)\n=== NAME  TestB\n--- PASS: TestB (0s)\n",
			"TestA",
			[]string{"-shuffle=99", "-rapid.seed=2"},
		},
		"JSON":     {"\x16=== RUN   TestA/one\n-x.seed=5\n\x16    --- FAIL: TestA/one (0s)\n\x16--- FAIL: TestA (0s)\n", "TestA", []string{"-x.seed=5"}},
		"forged":   {"say --- FAIL: TestX (0s)\n   --- FAIL: TestY (0s)\n", "", nil},
		"an input": {"--- FAIL: FuzzA (0s)\n    --- FAIL: FuzzA/0123 (0s)\n", "FuzzA", nil},
	} {
		for size := range 7 {
			var passed strings.Builder
			w := Watch(&passed)
			for piece := range slices.Chunk([]byte(c.output), size+1) {
				if _, err := w.Write(piece); err != nil {
					t.Fatal(err)
				}
			}
			if test, flags := w.Failed(); test != c.test || !slices.Equal(flags, c.flags) || passed.String() != c.output {
				t.Errorf("%s: %q %q, want %q %q", name, test, flags, c.test, c.flags)
			}
		}
	}
}

func TestFailureOfModuleIsRemembered(t *testing.T) {
	t.Setenv("KMODTEST_ACCEL", "tcg")
	t.Setenv("KMODTEST_VERDICT", "/x")
	module, cacheDir := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(module, "go.mod"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(module, "some where")
	if _, err := Last(cacheDir, dir); !errors.Is(err, ErrNone) {
		t.Errorf("without a failure: %v", err)
	}
	w := Watch(&strings.Builder{})
	if _, err := w.Write([]byte("--- FAIL: TestA (0s)\n    -rapid.seed=17\n")); err != nil {
		t.Fatal(err)
	}
	r := request.Request{Dir: dir, Rest: []string{"it's"}}
	for _, flag := range []string{"test.run=Test", "test.v=true", "test.cpu=2", "test.timeout=10m0s", "rapid.seed=3", "own=a b"} {
		name, value, _ := strings.Cut(flag, "=")
		r.Flags = append(r.Flags, request.Flag{Name: name, Value: value})
	}
	if err := New(r, "6.1", "title", w).Save(cacheDir); err != nil {
		t.Fatal(err)
	}
	f, err := Last(cacheDir, module)
	if err != nil {
		t.Fatal(err)
	}
	want := "cd '" + dir + `' && KMODTEST_KERNEL=6.1 KMODTEST_ACCEL=tcg go test -count=1 -v . '-run=^TestA$' -cpu=2 '-own=a b' -rapid.seed=17 -args 'it'\''s'`
	if got := f.Line("unused"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	f.Exec, f.Args, f.Flags, f.Env = []string{"exec", "--module", "/a b"}, nil, nil, nil
	if got, want := f.Words("/bin/kmodtest exec --module '/a b'"), []string{"go", "test", "-count=1", "-v", "-exec", "/bin/kmodtest exec --module '/a b'", "."}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRunWithoutFailedTestIsRepeatedAsAWhole(t *testing.T) {
	r := request.Request{Flags: []request.Flag{{Name: "test.run", Value: "TestA|TestB"}, {Name: "test.skip", Value: "TestC"}}}
	f := New(r, "", "the guest did not come up", Watch(&strings.Builder{}))
	if want := []string{"-run=TestA|TestB", "-skip=TestC"}; !slices.Equal(f.Flags, want) {
		t.Errorf("flags %q, want %q", f.Flags, want)
	}
}
