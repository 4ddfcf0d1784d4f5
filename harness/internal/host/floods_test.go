package host

import (
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// watchHeap calls stop with the largest live heap since, in bytes: what the host
// keeps, without garbage, of which a busy machine collects less.
func watchHeap() (stop func() uint64) {
	runtime.GC()
	var largest atomic.Uint64
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ticks := time.Tick(20 * time.Millisecond); ; {
			live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
			metrics.Read(live)
			largest.Store(max(largest.Load(), live[0].Value.Uint64()))
			select {
			case <-done:
				return
			case <-ticks:
			}
		}
	}()
	return func() uint64 { close(done); <-ended; return largest.Load() }
}

const much = 300 << 20 // bytes of a flood

// chunk is a piece of a flood.
var chunk = strings.Repeat("x", 64<<10)

// times calls f n times, or fewer with the race detector, which is slow and looks
// for something else.
func times(n int, f func(i int)) {
	for i := range n / shorter {
		f(i)
	}
}

// outputFloods are floods of output.
var outputFloods = map[string]hostile{
	"lines that a test logs": func(_ string, out *wire.Writer) {
		_ = out.Write(wire.Stdout, []byte("\x16=== RUN   TestA\n\x16>>> 0 TestA\n"))
		times(much/len(chunk), func(int) { _ = out.Write(wire.Stdout, []byte("\x16    "+chunk+"\n")) })
	},
	"a line without an end": func(_ string, out *wire.Writer) {
		_ = out.Write(wire.Stdout, []byte("\x16=== RUN   "))
		times(much/len(chunk), func(int) { _ = out.Write(wire.Stdout, []byte(chunk)) })
	},
	"output that waits for the kernel log": func(_ string, out *wire.Writer) {
		_ = out.Write(wire.Stdout, []byte("\x16=== RUN   TestA\n\x16>>> 0 TestA\n\x16<<< 99\n"))
		times(much/len(chunk), func(int) { _ = out.Write(wire.Stdout, []byte(chunk)) })
	},
	"a line PASS, and more": func(_ string, out *wire.Writer) {
		times(much/len(chunk), func(int) { _ = out.Write(wire.Stdout, []byte("PASS\ncoverage: "+chunk)) })
	},
	"names of tests": func(_ string, out *wire.Writer) {
		times(much/len(chunk), func(i int) { _ = out.Write(wire.Stdout, fmt.Appendf(nil, "\x16=== RUN   TestA/%d%s\n", i, chunk)) })
	},
	"numbers of tests": func(_ string, out *wire.Writer) {
		times(1_200_000, func(i int) {
			_ = out.Write(wire.Stdout, fmt.Appendf(nil, "\x16>>> %d TestA\n\x16--- PASS: TestA (0.00s)\n", i))
		})
	},
	"short items that wait for the kernel log": func(_ string, out *wire.Writer) {
		_ = out.Write(wire.Stdout, []byte("\x16=== RUN   TestA\n\x16>>> 0 TestA\n\x16<<< 99\n"))
		markers := []byte(strings.Repeat("\x16", 64<<10))
		times(6<<20/len(markers), func(int) { _ = out.Write(wire.Stdout, markers) })
	},
}

// logFloods are floods of the kernel log, and of files.
var logFloods = map[string]hostile{
	"kernel log": func(_ string, out *wire.Writer) {
		text := strings.Repeat("y", 4000)
		times(much/len(text), func(i int) { _ = out.Write(wire.KernelLog, fmt.Appendf(nil, "6,%d,%d,-;%s", i, i, text)) })
	},
	"ends of line in the kernel log": func(_ string, out *wire.Writer) {
		text := strings.Repeat(`\x0a`, 2000)
		times(80<<20/len(text), func(i int) { _ = out.Write(wire.KernelLog, fmt.Appendf(nil, "6,%d,%d,-;%s", i, i, text)) })
	},
	"long records of short texts": func(_ string, out *wire.Writer) {
		text := "x\n KEY=" + strings.Repeat("v", 8000)
		times(much/len(text), func(i int) { _ = out.Write(wire.KernelLog, fmt.Appendf(nil, "6,%d,%d,-;%s", i, i, text)) })
	},
	"a file without an end": func(_ string, out *wire.Writer) {
		_ = out.WriteMessage(wire.Exit, &wire.Status{Finished: true})
		for range 2 * much / len(chunk) {
			if out.Write(wire.Data, []byte(chunk)) != nil {
				return
			}
		}
	},
}

// markFloods are floods of marks and fault reports.
var markFloods = map[string]hostile{
	"all of these at once": func(_ string, out *wire.Writer) {
		_ = out.Write(wire.Stdout, []byte("\x16=== RUN   TestA\n\x16>>> 0 TestA\n"))
		times(25<<20/len(chunk), func(i int) { _ = out.Write(wire.Stdout, fmt.Appendf(nil, "\x16=== RUN   TestA/%d%s\n", i, chunk)) })
		times(60<<20/len(chunk), func(i int) {
			_ = out.Write(wire.Stdout, fmt.Appendf(nil, "\x16=== NAME  TestA/%d%s\n\x16    %[2]s\n", i%300, chunk))
		})
		times(15_000, func(i int) {
			_ = out.Write(wire.KernelLog, fmt.Appendf(nil, "4,1,1,-,caller=T%d;WARNING: CPU: 0 PID: %d at x.c:1 f+0x1/0x2 [m]", i%60, i))
			_ = out.Write(wire.KernelLog, fmt.Appendf(nil, "4,1,1,-,caller=T%d; f+0x1/0x2 [m] %s", i%60, chunk[:6000]))
		})
		_ = out.Write(wire.Stdout, []byte("\x16<<< 99\n"))
		times(30<<20/len(chunk), func(int) { _ = out.Write(wire.Stdout, []byte(chunk)) })
	},
	"marks": func(word string, out *wire.Writer) {
		times(200_000, func(i int) {
			_ = out.Write(wire.KernelLog, mark(fmt.Sprintf("run TestA #%d", 2*i+1), word))
			_ = out.Write(wire.KernelLog, mark(fmt.Sprintf("end TestA PASS 0s #%d", 2*i+2), word))
		})
	},
	"warnings": func(_ string, out *wire.Writer) {
		times(12_000, func(i int) {
			for _, line := range []string{
				"------------[ cut here ]------------", "WARNING: CPU: 0 PID: 1 at x.c:1 f+0x1/0x2 [m]", "Call Trace:", " f+0x1/0x2 [m]",
				"---[ end trace 0000000000000000 ]---",
			} {
				_ = out.Write(wire.KernelLog, fmt.Appendf(nil, "4,%d,%d,-;%s", i, i, line))
			}
		})
	},
	"many tests at once": func(word string, out *wire.Writer) {
		times(3000, func(i int) { _ = out.Write(wire.KernelLog, mark(fmt.Sprintf("run Test%d #%d", i, i+1), word)) })
		times(6000, func(i int) {
			_ = out.Write(wire.KernelLog, mark(fmt.Sprintf("pause Test7 #%d", 3001+2*i), word))
			_ = out.Write(wire.KernelLog, mark(fmt.Sprintf("cont Test7 #%d", 3002+2*i), word))
		})
	},
	"patterns": func(word string, out *wire.Writer) {
		_ = out.Write(wire.KernelLog, mark("run TestA #1", word))
		times(100, func(int) {
			_ = out.Write(wire.KernelLog, mark("expect TestA * "+strings.Repeat("x{1000}", 70)+" #0", word))
		})
	},
	"reports that do not end": func(_ string, out *wire.Writer) {
		times(60, func(caller int) {
			_ = out.Write(wire.KernelLog, fmt.Appendf(nil, "4,1,1,-,caller=T%d;WARNING: CPU: 0 PID: 1 at x.c:1 f+0x1/0x2 [m]", caller))
			line := fmt.Appendf(nil, "4,1,1,-,caller=T%d; f+0x1/0x2 [m] %s", caller, strings.Repeat("x", 6000))
			times(800, func(int) { _ = out.Write(wire.KernelLog, line) })
		})
	},
}

// moduleFloods are floods of requests for modules.
var moduleFloods = map[string]hostile{
	"requests for modules": func(_ string, out *wire.Writer) {
		loaded := make([]string, wire.MaxLoaded)
		for i := range loaded {
			loaded[i] = chunk[:50]
		}
		times(150_000, func(i int) {
			_ = out.WriteMessage(wire.Modprobe, &wire.ModuleRequest{ID: int64(i), Name: fmt.Sprint(chunk[:1000], i), ByKernel: true, Loaded: loaded[:i%wire.MaxLoaded]})
		})
	},
	"files of the host": func(_ string, out *wire.Writer) {
		times(150_000, func(i int) {
			_ = out.WriteMessage(wire.HostAsk, &wire.HostRequest{ID: int64(i), Op: wire.HostRead, Path: "/etc/passwd", Size: wire.MaxPiece})
		})
	},
}

// A guest that never stops sending cannot fill the host's memory or disk.
func TestFloodsAreBounded(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	limitMemory()
	defer debug.SetMemoryLimit(before)
	floods := maps.Clone(outputFloods)
	maps.Copy(floods, logFloods)
	maps.Copy(floods, markFloods)
	maps.Copy(floods, moduleFloods)
	for name, guest := range floods {
		t.Run(name, func(t *testing.T) {
			stop := watchHeap()
			err := converse(t, t.TempDir(), guest, map[string]string{"test.timeout": "5m"})
			if largest := stop(); largest > 256<<20 {
				t.Errorf("the host needed %d MiB", largest>>20)
			}
			if err == nil {
				t.Error("the run passed")
			}
		})
	}
}
