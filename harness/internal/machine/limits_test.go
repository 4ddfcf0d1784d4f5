package machine

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/klog"
	"github.com/kmodtest/kmodtest/harness/internal/timeline"
	"github.com/kmodtest/kmodtest/harness/internal/trace"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// alive is a guest that shows signs of life for ever, and reads nothing.
func alive(t *testing.T) *Machine {
	t.Helper()
	ours, theirs := net.Pipe()
	m := Connect(t.Context(), ours, nil)
	m.patience = 200 * time.Millisecond
	t.Cleanup(func() { m.Close(); theirs.Close() })
	go func() {
		out := wire.NewWriter(theirs)
		for out.Write(wire.KernelLog, []byte("6,1,1,-;still here")) == nil {
			_, _ = m.console.Write([]byte("still here"))
		}
	}()
	return m
}

func TestPatienceWithLivingGuestEnds(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]func(m *Machine) error{
		"not ready": func(m *Machine) error {
			m.guest.ready = nil
			return m.awaitReady()
		},
		"takes no files": func(m *Machine) error {
			m.HasFiles = false
			return m.Run(Job{
				Upload: func(out *wire.Writer) error { return out.Write(wire.FileEnd, nil) },
				Thread: trace.New(time.Now()).Thread(0),
			})
		},
	} {
		ended := make(chan error, 1)
		m := alive(t)
		go func() { ended <- wait(m) }()
		select {
		case err := <-ended:
			var silence *verdict.SilenceError
			if !errors.As(err, &silence) || !strings.Contains(err.Error(), "200ms") {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(30 * time.Second):
			t.Errorf("%s: it waits for ever", name)
		}
	}
}

func TestFaultsThatAreNotKeptCount(t *testing.T) {
	t.Parallel()
	m := &Machine{Timeline: timeline.New("w")}
	m.Timeline.Add(klog.Record{Facility: 1, Text: "kmodtest: run TestA #1 w"})
	m.Timeline.Add(klog.Record{Facility: 1, Text: "kmodtest: allow TestA . #0 w"})
	for i := range 10_001 {
		if f := (Outcome{m: m}).fault; i == 9999 && f() != nil {
			t.Errorf("%d allowed faults count", i)
		}
		m.Timeline.Add(klog.Record{Caller: fmt.Sprintf("T%d", i), Text: "BUG: another one in f+0x1/0x2"})
	}
	if f := (Outcome{m: m}).fault(); f == nil || !strings.Contains(f.Title, "1 of them were not kept") {
		t.Errorf("%+v, want a fault for those that are not kept", f)
	}
}

func TestAccountControlsNoTerminal(t *testing.T) {
	t.Parallel()
	m := &Machine{vm: &vm{console: newConsole(func() {})}, Timeline: timeline.New("w")}
	m.Timeline.Add(klog.Record{Facility: 1, Text: "kmodtest: dump begin #0 w"})
	m.Timeline.Add(klog.Record{Text: "task\x1b[31m"})
	if text := (Outcome{m: m}).Account(); !strings.HasSuffix(text, "task\\x1b[31m\n") {
		t.Errorf("it is %q", text)
	}
}
