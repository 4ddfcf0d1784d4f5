package wire

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

func TestRecordsArriveAsWritten(t *testing.T) {
	var buf bytes.Buffer
	w := NewWriter(&buf)
	want := Work{
		Path: "/bin/x", Args: []string{"x", "-v"}, Env: []string{"A=", ""}, Dir: "/", OneStream: true, Mkdir: nil,
		Time: time.Now().UnixNano(), TimerSlack: 2, Entropy: "\x00\xff", Collect: []string{"/a b"}, Keep: []string{"/c/*"},
	}
	if err := w.WriteMessage(Job, &want); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(Done, nil); err != nil {
		t.Fatal(err)
	}

	r := NewReader(&buf)
	rec, err := r.Read()
	if err != nil || rec.Type != Job {
		t.Fatalf("first record: %v, %v; want a job", rec.Type, err)
	}
	var got Work
	if err := rec.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("job changed on its way (-want +got):\n%s", d)
	}
	if rec, err = r.Read(); err != nil || rec.Type != Done || len(rec.Payload) != 0 {
		t.Errorf("second record: %v, %d bytes, %v; want an empty done", rec.Type, len(rec.Payload), err)
	}
	if _, err = r.Read(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last record: %v, want io.EOF", err)
	}
}

func TestMarkRecordIsMark(t *testing.T) {
	rec, err := NewReader(bytes.NewReader(inside.MarkRecord("text"))).Read()
	if err != nil || rec.Type != Mark || string(rec.Payload) != "text" {
		t.Errorf("got %v %q, %v", rec.Type, rec.Payload, err)
	}
}

func TestOutputRecordIsStandardOutput(t *testing.T) {
	rec, err := NewReader(bytes.NewReader(inside.OutputRecord([]byte("text")))).Read()
	if err != nil || rec.Type != Stdout || string(rec.Payload) != "text" {
		t.Errorf("read %v %q, %v; want stdout %q", rec.Type, rec.Payload, err, "text")
	}
}

// While the program runs, it and PID 1 write to the channel.
func TestRecordsOfRunningGuestAreWrittenInOnePiece(t *testing.T) {
	for _, typ := range []Type{Stdout, Stderr, KernelLog, Beat, Ask, Modprobe, HostAsk, Taken, Mark} {
		if typ.limit()+headerSize > inside.MaxRecord {
			t.Errorf("%v records have up to %d bytes, want at most %d", typ, typ.limit()+headerSize, inside.MaxRecord)
		}
	}
}

func TestStreamSplitsLongWrites(t *testing.T) {
	var buf bytes.Buffer
	data := bytes.Repeat([]byte("0123456789"), MaxPayload/4)
	if n, err := NewWriter(&buf).Stream(Stdout).Write(data); err != nil || n != len(data) {
		t.Fatalf("Write: %d, %v; want %d", n, err, len(data))
	}
	var got []byte
	for r := NewReader(&buf); ; {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, rec.Payload...)
	}
	if !bytes.Equal(got, data) {
		t.Errorf("%d bytes arrived of %d, or in another order", len(got), len(data))
	}
}

func TestRecordsOfManyWritersDoNotMix(t *testing.T) {
	var buf bytes.Buffer
	w := NewWriter(&buf)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			line := bytes.Repeat([]byte{byte('a' + i)}, 1000)
			for range 100 {
				if err := w.Write(Stdout, line); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	n := 0
	for r := NewReader(&buf); ; n++ {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(rec.Payload) != 1000 || bytes.Count(rec.Payload, rec.Payload[:1]) != 1000 {
			t.Fatalf("record %d holds bytes of another", n)
		}
	}
	if n != 800 {
		t.Errorf("%d records arrived, want 800", n)
	}
}

func TestBrokenStreamsAreErrors(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want string
	}{
		"text instead of records": {"Kernel panic - not syncing", "not a record"},
		"type 0":                  {"\x00\x00\x00\x00\x00", "not a record"},
		"too long":                {"\x08\xff\xff\xff\xff", "not a record: stdout of 4294967295 bytes"},
		"done with a payload":     {"\x0d\x00\x00\x00\x01x", "not a record: done of 1 bytes"},
		"long signal":             {"\x07\x00\x00\x00\x02\x01\x01", "not a record: signal of 2 bytes"},
	} {
		_, err := NewReader(strings.NewReader(c.in)).Read()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
	for _, in := range []string{"\x08\x00", "\x08\x00\x00\x00\x04abc"} {
		if _, err := NewReader(strings.NewReader(in)).Read(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("stream cut off after %d bytes: error %v, want unexpected EOF", len(in), err)
		}
	}
}

func TestEveryTypeHasAName(t *testing.T) {
	seen := map[string]Type{}
	for typ := Hello; typ <= last; typ++ {
		name := typ.String()
		if other, ok := seen[name]; ok || name == "" || strings.Contains(name, "unknown") {
			t.Errorf("type %d is called %q, as is %d", typ, name, other)
		}
		seen[name] = typ
	}
}
