package host

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/machine"
	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/testoutput"
	"github.com/kmodtest/kmodtest/harness/internal/trace"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// hostile is a guest. The function sends its records after the job has arrived.
type hostile func(word string, out *wire.Writer)

// Machine returns a machine with that guest. It ends when the function returns.
func (h hostile) Machine(ctx context.Context, _ bool) (*machine.Machine, error) {
	ours, theirs := net.Pipe()
	go func() {
		defer theirs.Close()
		in := wire.NewReader(theirs)
		for {
			rec, err := in.Read()
			if err != nil {
				return
			}
			if rec.Type != wire.Job {
				continue
			}
			var work wire.Work
			if rec.Decode(&work) == nil {
				go func() { _, _ = io.Copy(io.Discard, theirs) }()
				h(work.Mark, wire.NewWriter(theirs))
			}
			return
		}
	}()
	context.AfterFunc(ctx, func() { ours.Close() })
	return machine.Connect(ctx, ours), nil
}

// converse runs a group of tests in such a guest, and returns its verdict. The
// guest may send files only to places in dir.
func converse(t testing.TB, dir string, guest hostile, flags map[string]string) error {
	t.Helper()
	return converseWith(t, dir, guest, flags, func(*group) {})
}

// converseWith is converse with a change to the group.
func converseWith(t testing.TB, dir string, guest hostile, flags map[string]string, change func(*group)) error {
	t.Helper()
	r := &run{
		Request: request.Request{Dir: dir, Cwd: dir, Started: time.Now(), Values: map[string]string{"test.timeout": "20s"}},
		trace:   trace.New(time.Now()), stdout: io.Discard, stderr: io.Discard,
	}
	r.Config.Machines = 3
	for name, value := range flags {
		r.Request = r.With(name, value)
	}
	g := &group{
		request: r.Request, stdout: testoutput.NewPassLine(io.Discard), stderr: io.Discard, thread: r.trace.Thread(0),
		fresh: func(*machine.Machine, wire.FreshTest) error { return nil },
	}
	change(g)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	return r.runGroup(ctx, guest, g)
}

// well sends the records of a guest whose tests pass.
func well(word string, out *wire.Writer) {
	_ = out.Write(wire.KernelLog, mark("run TestA #1", word))
	_ = out.Write(wire.Stdout, []byte("\x16=== RUN   TestA\n\x16>>> 0 TestA\n"))
	_ = out.Write(wire.KernelLog, mark("end TestA PASS 0.00s #2", word))
	_ = out.Write(wire.Stdout, []byte("\x16<<< 2\n\x16--- PASS: TestA (0.00s)\nPASS\n"))
	end(out, wire.Status{Finished: true})
}

func mark(text, word string) []byte {
	return []byte("11,1,1,-;kmodtest: " + text + " " + word)
}

func end(out *wire.Writer, status wire.Status) {
	_ = out.WriteMessage(wire.Exit, &status)
	_ = out.WriteMessage(wire.Checks, &wire.Findings{})
	_ = out.Write(wire.Done, nil)
}

func TestGuestIsBelievedOnlyWithEvidence(t *testing.T) {
	t.Parallel()
	begin := func(word string, out *wire.Writer) { _ = out.Write(wire.KernelLog, mark("run TestA #1", word)) }
	for name, c := range map[string]struct {
		guest hostile
		want  string // in the error; "" for a pass
	}{
		"a guest whose tests pass": {well, ""},
		"a test that never ended, by the kernel log": {func(word string, out *wire.Writer) {
			begin(word, out)
			end(out, wire.Status{Finished: true})
		}, "exited with status 0 while TestA was running"},
		"a test that never ended, by the output": {func(_ string, out *wire.Writer) {
			_ = out.Write(wire.Stdout, []byte("\x16=== RUN   TestA\n\x16>>> 0 TestA\n"))
			end(out, wire.Status{Finished: true})
		}, "exited with status 0 while TestA was running"},
		"a test that failed": {func(_ string, out *wire.Writer) {
			_ = out.Write(wire.Stdout, []byte("\x16=== RUN   TestA\n\x16>>> 0 TestA\n\x16--- FAIL: TestA (0.00s)\n"))
			end(out, wire.Status{Finished: true})
		}, "exit status 1"},
		"exit code 256": {func(_ string, out *wire.Writer) {
			_ = out.Write(wire.Exit, []byte{0x80, 0x04, 0, 1, 0}) // as varints: 256, 0, 1, ""
			_ = out.WriteMessage(wire.Checks, &wire.Findings{})
			_ = out.Write(wire.Done, nil)
		}, "invalid data"},
		"two ends": {func(_ string, out *wire.Writer) {
			_ = out.WriteMessage(wire.Exit, &wire.Status{Code: 1, Finished: true})
			end(out, wire.Status{Finished: true})
		}, "unexpected exit record"},
		"done at once":          {func(_ string, out *wire.Writer) { _ = out.Write(wire.Done, nil) }, "unexpected done record"},
		"checks before the end": {func(_ string, out *wire.Writer) { _ = out.WriteMessage(wire.Checks, &wire.Findings{}) }, "unexpected checks record"},
		"a second hello":        {func(_ string, out *wire.Writer) { _ = out.WriteMessage(wire.Hello, &wire.Greeting{Release: "6.1"}) }, "unexpected hello record"},
		"a file before the end": {func(_ string, out *wire.Writer) {
			_ = out.WriteMessage(wire.File, &wire.FileHead{Name: "/x", Mode: 0o644})
		}, "unexpected file record"},
		"a file nobody asked for": {func(_ string, out *wire.Writer) {
			_ = out.WriteMessage(wire.Exit, &wire.Status{Finished: true})
			_ = out.WriteMessage(wire.File, &wire.FileHead{Name: "/etc/passwd", Mode: 0o644})
		}, "no flag asks for"},
		"the host's records": {func(_ string, out *wire.Writer) { _ = out.Write(wire.Signal, []byte{9}) }, "unexpected signal record"},
		"nothing":            {func(string, *wire.Writer) {}, "switched itself off"},
	} {
		err := converse(t, t.TempDir(), c.guest, nil)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v, want a pass", name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
		}
	}
}

// watchHeap calls stop with the largest heap since, in bytes.
func watchHeap() (stop func() uint64) {
	runtime.GC()
	var largest atomic.Uint64
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ticks := time.Tick(20 * time.Millisecond); ; {
			var s runtime.MemStats
			runtime.ReadMemStats(&s)
			largest.Store(max(largest.Load(), s.HeapAlloc))
			select {
			case <-done:
				return
			case <-ticks:
			}
		}
	}()
	return func() uint64 { close(done); <-ended; return largest.Load() }
}

// A guest that never stops sending fills neither the memory nor the disk. With the
// race detector, which is slow and looks for something else, the floods are
// shorter.
func TestFloodsAreBounded(t *testing.T) {
	chunk := strings.Repeat("x", 64<<10)
	const much = 300 << 20 // bytes
	times := func(n int, f func(i int)) {
		for i := range n / shorter {
			f(i)
		}
	}
	for name, guest := range map[string]hostile{
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
		"kernel log": func(_ string, out *wire.Writer) {
			text := strings.Repeat("y", 4000)
			times(much/len(text), func(i int) { _ = out.Write(wire.KernelLog, fmt.Appendf(nil, "6,%d,%d,-;%s", i, i, text)) })
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
		"short items that wait for the kernel log": func(_ string, out *wire.Writer) {
			_ = out.Write(wire.Stdout, []byte("\x16=== RUN   TestA\n\x16>>> 0 TestA\n\x16<<< 99\n"))
			markers := []byte(strings.Repeat("\x16", 64<<10))
			times(6<<20/len(markers), func(int) { _ = out.Write(wire.Stdout, markers) })
		},
		"ends of line in the kernel log": func(_ string, out *wire.Writer) {
			text := strings.Repeat(`\x0a`, 2000)
			times(80<<20/len(text), func(i int) { _ = out.Write(wire.KernelLog, fmt.Appendf(nil, "6,%d,%d,-;%s", i, i, text)) })
		},
		"long records of short texts": func(_ string, out *wire.Writer) {
			text := "x\n KEY=" + strings.Repeat("v", 8000)
			times(much/len(text), func(i int) { _ = out.Write(wire.KernelLog, fmt.Appendf(nil, "6,%d,%d,-;%s", i, i, text)) })
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
		"a file without an end": func(_ string, out *wire.Writer) {
			_ = out.WriteMessage(wire.Exit, &wire.Status{Finished: true})
			for range 2 * much / len(chunk) {
				if out.Write(wire.Data, []byte(chunk)) != nil {
					return
				}
			}
		},
	} {
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

// FuzzConversation lets a guest send records in any order. The stream may end
// after any of them.
func FuzzConversation(f *testing.F) {
	for _, script := range []string{"", "ABCDEFxyz", "ABxyz", "ACCCBDExyz", "ABCDExfffyz", "0123456789", "Axyz", "xyzAB", "ABCDEmnopqrstuvwxyz"} {
		f.Add([]byte(script), -1)
		f.Add([]byte(script), 100)
	}
	f.Fuzz(func(t *testing.T, script []byte, cut int) {
		dir := t.TempDir()
		inner := filepath.Join(dir, "package")
		if err := os.Mkdir(inner, 0o755); err != nil {
			t.Fatal(err)
		}
		told := model{begun: map[string]int{}}
		err := converse(t, inner, func(word string, out *wire.Writer) { told.play(script, cut, word, out) }, map[string]string{
			"test.timeout": "5s", "test.cpuprofile": "cpu.out", "test.artifacts": "true", "test.outputdir": inner,
		})
		if err == nil && !told.mayPass() {
			t.Errorf("the run passed, but the guest sent %+v", told)
		}
		if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
			t.Errorf("files were written outside of the package: %v, %v", list, err)
		}
		list, err := os.ReadDir(inner)
		for _, entry := range list {
			if name := entry.Name(); name != "cpu.out" && name != "_artifacts" {
				t.Errorf("unexpected file %q", name)
			}
		}
		if err != nil {
			t.Error(err)
		}
	})
}

// model tracks what a guest sends up to its done record.
type model struct {
	begun    map[string]int // tests that have begun and not ended, by marks and by output
	failed   bool           // a test has failed
	finished bool           // the first exit record reports a regular end
	exited   bool
	done     bool
	unclear  bool // the output has a line without an end
	number   int  // of the last mark
}

func (m *model) mayPass() bool {
	for name, n := range m.begun {
		if n > 0 && !(m.unclear && strings.HasPrefix(name, "output ")) {
			return false
		}
	}
	return m.done && m.finished && (m.unclear || !m.failed)
}

// play sends a record for each byte of the script. The stream ends after at most
// cut bytes, if that is not negative.
func (m *model) play(script []byte, cut int, word string, out *wire.Writer) {
	sent := 0
	for _, c := range script {
		typ, payload := m.record(c, word)
		if size := 5 + len(payload); cut >= 0 && sent+size > cut {
			return // the stream ends before this record, even if cut is inside it
		}
		sent += 5 + len(payload)
		if out.Write(typ, payload) != nil {
			return
		}
	}
}

// testNames are the names in a conversation.
var testNames = [...]string{"TestA", "TestB", "TestA/x", "TestA/x/y"}

// record returns the record for a byte of the script, and updates the model.
func (m *model) record(c byte, word string) (wire.Type, []byte) {
	name := testNames[c>>6]
	switch c & 63 {
	case 1, 33:
		m.add("mark "+name, 1)
		return m.mark("run "+name, word)
	case 2:
		m.set("output "+name, 1)
		return wire.Stdout, []byte("\x16=== RUN   " + name + "\n")
	case 3:
		m.set("output "+name, 1)
		return wire.Stdout, []byte("\x16>>> 0 " + name + "\n")
	case 4, 36:
		m.add("mark "+name, -1)
		return m.mark("end "+name+" PASS 0.00s", word)
	case 5, 37:
		m.set("output "+name, 0)
		return wire.Stdout, []byte("\x16--- PASS: " + name + " (0.00s)\n")
	case 6:
		m.set("output "+name, 0)
		m.failed = m.failed || !m.done
		return wire.Stdout, []byte("\x16--- FAIL: " + name + " (0.00s)\n")
	case 7:
		m.failed = m.failed || !m.done && m.begun["mark "+name] > 0
		m.add("mark "+name, -1)
		return m.mark("end "+name+" FAIL 0.00s", word)
	case 8:
		return m.mark("pause "+name, word)
	case 9:
		return m.mark("end "+name+" PASS 0.00s", "guess")
	case 10:
		return m.mark("expect "+name+" * .", word)
	case 11:
		return wire.KernelLog, []byte("4,1,1,-;WARNING: CPU: 0 PID: 1 at x.c:1 f+0x1/0x2 [m]")
	case 12:
		return wire.KernelLog, []byte("not a record")
	case 13:
		m.unclear = true
		return wire.Stdout, []byte("\x16=== RUN   " + name)
	case 14:
		return wire.Stdout, []byte("PASS\ncoverage: 1% of statements\n")
	case 15:
		return wire.Stderr, []byte("text")
	case 16:
		return wire.Stdout, fmt.Appendf(nil, "\x16<<< %d\n", m.number)
	case 17:
		return message(wire.File, &wire.FileHead{Name: "/../../" + name, Mode: 0o644})
	case 18:
		return message(wire.File, &wire.FileHead{Name: "/etc/" + name, Mode: 0o644})
	case 19:
		return wire.Data, []byte("content")
	case 20:
		return wire.FileEnd, nil
	case 21:
		return message(wire.Fresh, &wire.FreshTest{ID: "1", Name: "TestA", Procs: 1})
	case 22:
		return wire.Beat, nil
	case 23:
		return wire.Type(c), []byte{c, c, c}
	case 24:
		return wire.Exit, []byte{0x80, 0x04, 0, 1, 0} // exit code 256
	case 25:
		m.exited = true
		return message(wire.Exit, &wire.Status{Code: int(c >> 6), Finished: c>>6 == 0})
	case 56:
		if !m.exited {
			m.exited, m.finished = true, true
		}
		return message(wire.Exit, &wire.Status{Finished: true})
	case 57:
		return message(wire.Checks, &wire.Findings{})
	case 58:
		m.done = true
		return wire.Done, nil
	}
	return wire.Stdout, []byte{c & 63, '\n'}
}

// add adds n to the number of running tests of that name.
func (m *model) add(name string, n int) {
	if !m.done {
		m.begun[name] = max(0, m.begun[name]+n)
	}
}

func (m *model) set(name string, n int) {
	if !m.done {
		m.begun[name] = n
	}
}

func (m *model) mark(text, word string) (wire.Type, []byte) {
	m.number++
	return wire.KernelLog, mark(fmt.Sprintf("%s #%d", text, m.number), word)
}

// message returns a record with a message.
func message(typ wire.Type, msg wire.Message) (wire.Type, []byte) {
	var b bytes.Buffer
	if err := wire.NewWriter(&b).WriteMessage(typ, msg); err != nil {
		panic(err)
	}
	return typ, b.Bytes()[5:]
}
