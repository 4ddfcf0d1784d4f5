package events

import (
	"bytes"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// pipe returns both ends of a pipe.
func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.Close()
		_ = w.Close()
	})
	return r, w
}

// newChannel returns a channel, and the end at which the host reads.
func newChannel(t *testing.T) (*Channel, *os.File) {
	t.Helper()
	host, ours := pipe(t)
	taken, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(taken) })
	return &Channel{record: int(ours.Fd()), taken: taken}, host
}

func TestEventsOvertakeNoOutput(t *testing.T) {
	c, host := newChannel(t)
	r, out := pipe(t)
	if !c.write(out, []byte("first"), "") {
		t.Fatal("an event was not sent although there was no other output")
	}
	want := inside.OutputRecord([]byte("first"))
	got := make([]byte, len(want))
	if _, err := io.ReadFull(host, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("the host reads %q, %v, want %q", got, err, want)
	}
	if _, err := out.WriteString("x"); err != nil {
		t.Fatal(err)
	}
	if c.write(out, []byte("second"), "") {
		t.Error("an event overtook output that is still in the pipe")
	}
	if _, err := r.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if !c.write(out, []byte("third"), "") {
		t.Error("an event was not sent although the output had been read")
	}
}

func TestEventBringsItsMark(t *testing.T) {
	c, host := newChannel(t)
	r, out := pipe(t)
	read := func(want []byte) {
		t.Helper()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(host, got); err != nil || !bytes.Equal(got, want) {
			t.Errorf("the host reads %q, %v, want %q", got, err, want)
		}
	}
	if !c.write(out, []byte("event"), "mark") {
		t.Fatal("an event with a mark was not sent")
	}
	read(append(inside.OutputRecord([]byte("event")), inside.MarkRecord("mark")...))
	if _, err := out.WriteString("output"); err != nil {
		t.Fatal(err)
	}
	reporter := &reporter{out: out, channel: c}
	if !reporter.send("line\n", "mark") {
		t.Error("the host has not got the mark of an event that waits behind output")
	}
	read(inside.MarkRecord("mark"))
	waiting := make([]byte, 100)
	if n, err := r.Read(waiting); err != nil || string(waiting[:n]) != "output"+Marker+"line\n" {
		t.Errorf("behind the output is %q, %v", waiting[:n], err)
	}
	if reporter.channel = nil; reporter.send("line\n", "mark") {
		t.Error("a mark was sent without a channel")
	}
}

func TestLongEventIsNotSentInPieces(t *testing.T) {
	c, _ := newChannel(t)
	_, out := pipe(t)
	if c.write(out, []byte(strings.Repeat("x", inside.MaxRecord)), "") {
		t.Error("a record was sent that the kernel's driver would cut")
	}
}

func TestEventGoesElsewhereWithoutChannel(t *testing.T) {
	c, _ := newChannel(t)
	_, out := pipe(t)
	c.record = -1 // as if a test had closed it
	if c.write(out, []byte("text"), "") {
		t.Error("an event was sent to a closed channel")
	}
	if (*Channel)(nil).write(out, []byte("text"), "") {
		t.Error("an event was sent without a channel")
	}
}

func TestWaitEndsWhenOutputIsTaken(t *testing.T) {
	c, _ := newChannel(t)
	r, out := pipe(t)
	if _, err := out.WriteString("x"); err != nil {
		t.Fatal(err)
	}
	var taken atomic.Bool
	time.AfterFunc(patience/4, func() {
		_, _ = r.Read(make([]byte, 1))
		taken.Store(true)
		_, _ = unix.Write(c.taken, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	})
	c.wait(out)
	if !taken.Load() {
		t.Error("wait returned while output was in the pipe")
	}
}
