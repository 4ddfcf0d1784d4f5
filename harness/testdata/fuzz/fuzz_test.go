// Package fuzz has fuzz targets that break the kernel with some inputs. The
// harness's own tests check the result.
package fuzz

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/kmodtest/kmodtest/harness"
	"github.com/kmodtest/kmodtest/harness/guest"
)

func TestMain(m *testing.M) {
	flag.Parse()                                        // as a package with flags of its own does
	memory, _ := strconv.Atoi(os.Getenv("FUZZ_MEMORY")) // 0 is the default
	config := harness.Config{Modules: []string{os.Getenv("FUZZ_MODULE")}, Memory: memory}
	if pattern := os.Getenv("FUZZ_ALLOW"); pattern != "" {
		config.Allow = []string{pattern}
	}
	harness.Main(m, config)
}

func FuzzWarns(f *testing.F) { fuzz(f, "warn") }

// FuzzMayWarn is FuzzWarns with the warning allowed.
func FuzzMayWarn(f *testing.F) {
	guest.AllowKernelLog(f, "crash_warn")
	fuzz(f, "warn")
}

// fuzz breaks the kernel with any input except the first.
func fuzz(f *testing.F, way string) {
	f.Add([]byte("first"))
	f.Fuzz(func(t *testing.T, data []byte) {
		guest.FuzzInput(t, data)
		if string(data) != "first" {
			breakKernel(t, way)
		}
	})
}

// FuzzDies has arguments of all types that fuzzing supports, and breaks the kernel
// with any input except the first.
func FuzzDies(f *testing.F) {
	f.Add([]byte{1}, "a", true, byte(1), 'a', float32(1), float64(1), 1, int8(1), int16(1), int64(1), uint(1), uint16(1), uint32(1), uint64(1))
	f.Fuzz(func(t *testing.T, data []byte, s string, b bool, u8 byte, i32 rune, f32 float32, f64 float64,
		i int, i8 int8, i16 int16, i64 int64, u uint, u16 uint16, u32 uint32, u64 uint64,
	) {
		input := []any{data, s, b, u8, i32, f32, f64, i, i8, i16, i64, u, u16, u32, u64}
		guest.FuzzInput(t, input...)
		if fmt.Sprint(input) != "[[1] a true 1 97 1 1 1 1 1 1 1 1 1 1]" {
			breakKernel(t, "null-write")
		}
	})
}

func breakKernel(t *testing.T, way string) {
	if err := os.WriteFile("/proc/crash", []byte(way), 0); err != nil {
		t.Error(err)
	}
}
