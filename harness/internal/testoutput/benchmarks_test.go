package testoutput

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/timeline"
)

// benchmarkOutput is what a test binary prints about benchmarks with -test.v=test2json; @ stands
// for the marker.
//
//nolint:dupword // the testing package prints a name twice
const benchmarkOutput = `pkg: p
@=== RUN   BenchmarkN
BenchmarkN
    n_test.go:1: of the parent
@=== RUN   BenchmarkN/sub
BenchmarkN/sub
    n_test.go:2: log
BenchmarkN/sub-2  	|       3	     11057 ns/op
BenchmarkN/sub-4  	|       3	     11057 ns/op
@=== RUN   BenchmarkLate
BenchmarkLate
    n_test.go:3: late
@--- FAIL: BenchmarkLate-2
@=== RUN   BenchmarkSkip
BenchmarkSkip
    n_test.go:4: skipped
@--- SKIP: BenchmarkSkip
@=== RUN   BenchmarkAround
BenchmarkAround
    n_test.go:5: around
@=== RUN   BenchmarkAround/it
BenchmarkAround/it
    n_test.go:6: fails
@--- FAIL: BenchmarkAround/it
@--- FAIL: BenchmarkAround
@FAIL
`

func TestForeignBenchmarksPrintAsWithTheFlags(t *testing.T) {
	t.Parallel()
	for style, want := range map[string]string{
		"false": `pkg: p
BenchmarkN/sub-2  	       3	     11057 ns/op
--- BENCH: BenchmarkN/sub-2
    n_test.go:2: log
BenchmarkN/sub-4  	       3	     11057 ns/op
--- FAIL: BenchmarkLate-2
    n_test.go:3: late
--- FAIL: BenchmarkAround/it
    n_test.go:6: fails
--- FAIL: BenchmarkAround
    n_test.go:5: around
FAIL
`,
		"true": `pkg: p
BenchmarkN
    n_test.go:1: of the parent
BenchmarkN/sub
    n_test.go:2: log
BenchmarkN/sub-2  	       3	     11057 ns/op
BenchmarkN/sub-4  	       3	     11057 ns/op
BenchmarkLate
    n_test.go:3: late
--- FAIL: BenchmarkLate-2
BenchmarkSkip
    n_test.go:4: skipped
--- SKIP: BenchmarkSkip
BenchmarkAround
    n_test.go:5: around
BenchmarkAround/it
    n_test.go:6: fails
--- FAIL: BenchmarkAround/it
--- FAIL: BenchmarkAround
FAIL
`,
		"test2json": strings.NewReplacer("@", marker, "|", "").Replace(benchmarkOutput),
	} {
		var out bytes.Buffer
		r := NewReporter(&out, Options{Verbose: style, Foreign: true})
		r.Follow(timeline.New("word"))
		for piece := range strings.SplitSeq(strings.ReplaceAll(benchmarkOutput, "@", marker), "|") {
			if _, err := r.Write([]byte(piece)); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Flush(); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("with -test.v=%s:\n%s\nwant\n%s", style, out.String(), want)
		}
	}
}
