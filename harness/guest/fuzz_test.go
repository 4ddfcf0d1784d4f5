package guest

import (
	"math"
	"testing"
)

func TestCorpusFileHasEveryValue(t *testing.T) {
	got, err := corpusFile([]any{[]byte("a\x00\"\n"), "é", false, 'é', byte(200), float32(math.Inf(-1)), math.NaN(), 1e300, int64(math.MinInt64)})
	want := `go test fuzz v1
[]byte("a\x00\"\n")
string("é")
bool(false)
int32(233)
uint8(200)
math.Float32frombits(0xff800000)
math.Float64frombits(0x7ff8000000000001)
float64(1e+300)
int64(-9223372036854775808)
`
	if err != nil || got != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
	if _, err := corpusFile([]any{struct{}{}}); err == nil {
		t.Error("corpus file with a structure: no error")
	}
}
