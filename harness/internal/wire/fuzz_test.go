package wire

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// messages has a message for each type of record that has one.
var messages = map[Type]func() Message{
	Hello:      func() Message { return &Greeting{} },
	Ready:      func() Message { return &Readiness{} },
	File:       func() Message { return &FileHead{} },
	Job:        func() Message { return &Work{} },
	Exit:       func() Message { return &Status{} },
	Checks:     func() Message { return &Findings{} },
	Ask:        func() Message { return &Request{} },
	Reply:      func() Message { return &Answer{} },
	Modprobe:   func() Message { return &ModuleRequest{} },
	ModuleFile: func() Message { return &ModuleHead{} },
	ModuleEnd:  func() Message { return &ModuleResult{} },
	Resize:     func() Message { return &Window{} },
	Setup:      func() Message { return &Boot{} },
	HostAsk:    func() Message { return &HostRequest{} },
	HostReply:  func() Message { return &HostAnswer{} },
}

// FuzzReader reads arbitrary bytes as the host reads those of a guest.
func FuzzReader(f *testing.F) {
	var all bytes.Buffer
	w := NewWriter(&all)
	for t := Hello; t <= last; t++ {
		all.Reset()
		if m := messages[t]; m != nil {
			_ = w.WriteMessage(t, m()) // an invalid one writes nothing
		} else if err := w.Write(t, make([]byte, min(1, t.limit()))); err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.Clone(all.Bytes()))
	}
	for _, records := range [][]Record{
		{file("/a"), {Type: Data, Payload: []byte("x")}, {Type: FileEnd}, file("/b"), {Type: FileEnd}},
		{file("/a"), {Type: FileEnd, Payload: []byte("cannot be read")}, {Type: Done}},
		{{Type: Exit, Payload: payload(255, 0, 1, "")}, {Type: Checks, Payload: payload(1, "m: busy", 0, 1, "e")}, {Type: Done}},
		{{Type: Ask, Payload: payload("/tmp/answer", "fresh", 2, "TestÄ_1", "2")}},
		{{Type: Modprobe, Payload: payload(1, "net-pf-38", 1, 0, 2, "veth", "tun")}},
		{{Type: ModuleFile, Payload: payload(1, "af_alg", 2, 100)}, {Type: ModuleEnd, Payload: payload(1, 3, "e")}},
		{{Type: HostAsk, Payload: payload(1, 2, "/etc/hosts", "", 4096, 100)}},
		{{Type: HostReply, Payload: payload(1, 0, 1, "name", 0o644, 3, 4, 5, 6, "link", 1, "data")}},
	} {
		all.Reset()
		for _, rec := range records {
			if err := w.Write(rec.Type, rec.Payload); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(bytes.Clone(all.Bytes()))
	}
	f.Fuzz(readAll)
}

func readAll(t *testing.T, input []byte) {
	limits := Limits{File: 20, Total: 50, Files: 5}
	m := newMemory()
	in, files := NewReader(bytes.NewReader(input)), &Receiver{Create: m.create, Limits: limits}
	ends := 0 // FileEnd records without a payload
	for {
		rec, err := in.Read()
		var garbled *GarbledError
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, &garbled) {
				t.Fatalf("Read: error %v (%T)", err, err)
			}
			break
		}
		if len(rec.Payload) > rec.Type.limit() || cap(in.buf) > MaxPayload {
			t.Fatalf("%v record of %d bytes, buffer of %d", rec.Type, len(rec.Payload), cap(in.buf))
		}
		if message := messages[rec.Type]; message != nil {
			decode(t, rec, message)
		}
		if rec.Type == FileEnd && len(rec.Payload) == 0 {
			ends++
		}
		if rec.Type == File || rec.Type == Data || rec.Type == FileEnd {
			_ = files.Take(rec) // any error; the host stops at the first
		}
		if open := m.begun - m.ended; open < 0 || open > 1 {
			t.Fatalf("%d files began and %d ended", m.begun, m.ended)
		}
	}
	files.Abort()
	if m.begun != m.ended {
		t.Fatalf("%d files began and %d ended", m.begun, m.ended)
	}
	if kept := len(m.files); kept > limits.Files || m.begun > limits.Files {
		t.Fatalf("%d files were kept, %d began; the limit is %d", kept, m.begun, limits.Files)
	}
	if m.commits > ends {
		t.Fatalf("%d files were committed after %d FileEnd records", m.commits, ends)
	}
	if int64(m.longest) > limits.File || int64(m.received) > limits.Total {
		t.Fatalf("received %d bytes, %d in one file", m.received, m.longest)
	}
}

// decode checks that a message that can be decoded is the same after it was
// encoded and decoded again.
func decode(t *testing.T, rec Record, message func() Message) {
	t.Helper()
	first := message()
	if err := rec.Decode(first); err != nil {
		var garbled *GarbledError
		if !errors.As(err, &garbled) {
			t.Fatalf("Decode: error %v (%T)", err, err)
		}
		return
	}
	var again bytes.Buffer
	if err := NewWriter(&again).WriteMessage(rec.Type, first); err != nil {
		t.Fatalf("encode %+v: %v", first, err)
	}
	copied, err := NewReader(&again).Read()
	if err != nil {
		t.Fatal(err)
	}
	second := message()
	if err := copied.Decode(second); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(first, second); d != "" {
		t.Fatalf("the message changed when it was sent again (-first +second):\n%s", d)
	}
}
