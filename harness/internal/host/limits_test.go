package host

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/coverprofile"
	"github.com/kmodtest/kmodtest/harness/internal/machine"
	"github.com/kmodtest/kmodtest/harness/internal/testoutput"
	"github.com/kmodtest/kmodtest/harness/internal/trace"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

func TestCoverProfilesAreLimited(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	sink := memorySink{&b}
	if _, err := sink.Write(make([]byte, coverprofile.MaxSize)); err != nil {
		t.Errorf("%d bytes: %v", coverprofile.MaxSize, err)
	}
	if _, err := sink.Write([]byte("x")); err == nil {
		t.Errorf("%d bytes: no error", coverprofile.MaxSize+1)
	}
	r := &run{trace: trace.New(time.Now())}
	j := &job{run: r, group: &group{profile: "/p"}}
	j.profile.Write(make([]byte, coverprofile.MaxSize))
	for i := range coverprofile.MaxTotal/coverprofile.MaxSize + 1 {
		if err := j.keepProfile(); (err != nil) != (i == coverprofile.MaxTotal/coverprofile.MaxSize) {
			t.Errorf("profile %d: %v", i, err)
		}
	}
}

func TestWaitingOutputIsLimited(t *testing.T) {
	t.Parallel()
	var all atomic.Int64
	transcripts := make([]testoutput.Transcript, 100)
	for i := range transcripts {
		transcripts[i].All = &all
		for range 200 {
			if _, err := transcripts[i].Stdout().Write(make([]byte, 64<<10)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if kept := all.Load(); kept > testoutput.MaxTranscripts+1<<20 {
		t.Errorf("%d MiB are kept", kept>>20)
	}
	var out bytes.Buffer
	for i := range transcripts {
		if err := transcripts[i].Print(&out, io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	if kept := all.Load(); kept != 0 || strings.Count(out.String(), "bytes of output are left out here") != len(transcripts) {
		t.Errorf("%d bytes are kept after all was printed", kept)
	}
}

// A guest that reads nothing does not keep the user from a second interrupt.
func TestInterruptOfDeafFuzzerReturns(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	defer theirs.Close()
	m := machine.Connect(t.Context(), ours, nil)
	defer m.Close()
	r := &run{stderr: io.Discard}
	r.fuzzing.Store(m)
	returned := make(chan bool)
	go func() { returned <- r.endFuzzing() }()
	select {
	case handled := <-returned:
		if !handled || r.endFuzzing() {
			t.Error("the first interrupt ends the run, or the second does not")
		}
	case <-time.After(5 * time.Second):
		t.Error("it waits for the guest")
	}
}

func TestRequestsForMachinesAreLimited(t *testing.T) {
	t.Parallel()
	r := &run{trace: trace.New(time.Now()), stdout: io.Discard, stderr: io.Discard}
	r.Values = map[string]string{}
	a := newAsker(r, nil, io.Discard, io.Discard)
	a.askPlan = func() (*plan, error) { return &plan{}, nil }
	sent := make(chan int, 1)
	err := converseWith(t, t.TempDir(), func(_ string, out *wire.Writer) {
		for i := range 100_000 {
			if out.WriteMessage(wire.Ask, &wire.Request{ID: "1", Verb: wire.VerbFresh, Args: []string{"TestNone", "1"}}) != nil {
				sent <- i
				return
			}
		}
		sent <- 100_000
	}, nil, func(g *group) {
		g.fresh = func(m *machine.Machine, test wire.FreshTest) error { return a.request(t.Context(), m, test) }
	})
	a.running.Wait()
	if err == nil || !strings.Contains(err.Error(), "there is no such test") && !strings.Contains(err.Error(), "tests request fresh machines at the same time") {
		t.Errorf("%v, want that there is no such test", err)
	}
	if n := len(a.groups); n > 4*maxOpen {
		t.Errorf("%d requests were taken", n)
	}
	r.requested.number.Store(maxAsked - 1)
	if err := a.request(t.Context(), nil, wire.FreshTest{Machines: 2}); err == nil || !strings.Contains(err.Error(), "in one run") {
		t.Errorf("request %d: %v", maxAsked+1, err)
	}
	<-sent
}

func TestMessagesControlNoTerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	(&run{stderr: &out}).say("cannot restore: %v", errors.New("\x1b[31m"))
	if got := out.String(); got != "kmodtest: cannot restore: \\x1b[31m\n" {
		t.Errorf("it prints %q", got)
	}
}

// Tests that hang while the guest lives end when their time is over.
func TestTestsEndAfterTheirTimeout(t *testing.T) {
	t.Parallel()
	err := converse(t, t.TempDir(), func(word string, out *wire.Writer) {
		_ = out.Write(wire.KernelLog, mark("run TestA #1", word))
		for out.Write(wire.Beat, nil) == nil {
			time.Sleep(50 * time.Millisecond)
		}
	}, map[string]string{"test.timeout": "1s"})
	if err == nil || !strings.Contains(err.Error(), "the tests have exceeded their timeout of 1s and do not end") {
		t.Errorf("%v, want that the time is over", err)
	}
}
