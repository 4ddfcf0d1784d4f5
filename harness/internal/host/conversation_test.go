package host

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
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
	return machine.Connect(ctx, ours, nil), nil
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
		"more nested tests than are kept": {func(_ string, out *wire.Writer) {
			for i := range 200 {
				_ = out.Write(wire.Stdout, fmt.Appendf(nil, "\x16=== RUN   TestA%s\n", strings.Repeat("/x", i)))
			}
		}, "guest down: the guest sent invalid data"},
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
