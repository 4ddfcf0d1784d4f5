// Package wire is the language that the host and PID 1 of a guest speak over
// their virtio-serial channel: a stream of records, each a type, a length and
// a payload. Beside it, the two sides share package inside alone.
//
// The conversation of one run, in order:
//
//	guest → host  Hello                          the channel works
//	guest → host  Ready                          modules loaded, or why not
//	host → guest  (File Data… FileEnd)… Job      files, then what to run
//	guest → host  Stdout, Stderr                 while it runs
//	guest → host  Exit                           how it ended
//	guest → host  (File Data… FileEnd)…          files that the host asked for
//	guest → host  Checks                         what was found afterwards
//	guest → host  Done                           the last word
//
// KernelLog records come from the guest at any time: before Hello those of the
// kernel's own boot. Beat records come once there is a job, and before in answer
// to one of the host's, which asks a restored guest whether it lives. Signal
// records come from the host while the job runs. So do FreshDone records, each in
// answer to a Fresh record, with which a test asks for a machine of its own.
package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Port is the name of the virtio-serial port that carries the records.
const Port = "kmodtest.records"

// MaxPayload is the longest payload of a record in bytes. Longer data is
// carried by several records.
const MaxPayload = 1 << 20

// Type says what the payload of a record is.
type Type uint8

// The types of records, with the Message in their payload, or what else is there.
const (
	Hello     Type = iota + 1 // Greeting
	Ready                     // Readiness
	File                      // FileHead
	Data                      // a piece of the file
	FileEnd                   // no payload: the file is whole; else why it is not
	Job                       // Work
	Signal                    // one byte: the signal's number
	Stdout                    // raw bytes
	Stderr                    // raw bytes
	KernelLog                 // one record of /dev/kmsg as the kernel gives it
	Exit                      // Status
	Checks                    // Findings
	Done                      // no payload
	Beat                      // no payload: the sender is alive
	Fresh                     // FreshTest
	FreshDone                 // FreshResult
	last      = FreshDone
)

var names = [...]string{
	"", "hello", "ready", "file", "data", "file end", "job", "signal", "stdout", "stderr", "kernel log", "exit", "checks", "done", "beat",
	"fresh", "fresh done",
}

// String returns the type's name as it stands in messages.
func (t Type) String() string {
	if t == 0 || t > last {
		return fmt.Sprintf("unknown type %d", uint8(t))
	}
	return names[t]
}

// Record is one message. Payload is valid until the next Read of the Reader
// that it came from.
type Record struct {
	Type    Type
	Payload []byte
}

const headerSize = 5 // type uint8, length uint32 big-endian

// Writer writes records. Its methods may be called from several goroutines at
// once: records never mix.
type Writer struct {
	mu  sync.Mutex
	w   io.Writer
	buf []byte
}

// NewWriter returns a Writer on w, to which each record is a single Write.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write writes one record. Payloads longer than MaxPayload are an error.
func (w *Writer) Write(t Type, payload []byte) error {
	if len(payload) > MaxPayload {
		return fmt.Errorf("write %v record: %d bytes are more than %d", t, len(payload), MaxPayload)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = append(w.buf[:0], byte(t))
	w.buf = binary.BigEndian.AppendUint32(w.buf, uint32(len(payload)))
	w.buf = append(w.buf, payload...)
	if _, err := w.w.Write(w.buf); err != nil {
		return fmt.Errorf("write %v record: %w", t, err)
	}
	return nil
}

// Stream returns an io.Writer that turns what is written to it into records of
// type t. It may be used at the same time as other streams of w.
func (w *Writer) Stream(t Type) io.Writer { return stream{w, t} }

type stream struct {
	w *Writer
	t Type
}

func (s stream) Write(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		chunk := p[n:min(len(p), n+MaxPayload)]
		if err := s.w.Write(s.t, chunk); err != nil {
			return n, err
		}
		n += len(chunk)
	}
	return n, nil
}

// A GarbledError is that the other side has sent what makes no sense.
type GarbledError struct{ Err error }

func (e *GarbledError) Error() string { return e.Err.Error() }

func (e *GarbledError) Unwrap() error { return e.Err }

// Reader reads records. Only one goroutine may use it at a time.
type Reader struct {
	r   *bufio.Reader
	buf []byte
}

// NewReader returns a Reader on r.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReaderSize(r, 64<<10)} }

// Read returns the next record. The error is io.EOF when the stream ends
// between two records, io.ErrUnexpectedEOF when it ends inside one, and a
// GarbledError when it holds something else.
func (r *Reader) Read() (Record, error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		return Record{}, err
	}
	t, size := Type(head[0]), binary.BigEndian.Uint32(head[1:])
	if t == 0 || t > last || size > MaxPayload {
		return Record{}, &GarbledError{fmt.Errorf("not a record: %v of %d bytes", t, size)}
	}
	if cap(r.buf) < int(size) {
		r.buf = make([]byte, size)
	}
	r.buf = r.buf[:size]
	if _, err := io.ReadFull(r.r, r.buf); err != nil {
		return Record{}, fmt.Errorf("read %v record: %w", t, noEOF(err))
	}
	return Record{Type: t, Payload: r.buf}, nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
