// Package wire defines the records that the host and PID 1 of a guest exchange over
// their virtio-serial channel. A record has a type, a length and a payload. Apart
// from this package the two sides share only packages inside and hostpath.
//
// The records of one run, in order:
//
//	guest → host  Hello                          the channel works
//	guest → host  Ready                          the modules are loaded, or why not
//	host → guest  (File Data… FileEnd)… Job      files, then the program to run
//	guest → host  Stdout, Stderr, Mark           its output while it runs, and marks
//	guest → host  Exit                           how it ended
//	guest → host  (File Data… FileEnd)…          the files that the job asked for
//	guest → host  Checks                         findings of the checks afterwards
//	guest → host  Done                           the last record
//
// The guest sends KernelLog records at any time; those before Hello belong to the
// boot. It sends a Beat each second once there is a job. Before the job the host may
// send a Beat, to which a restored guest answers with a Beat. While the job runs
// the host may send Signal records, and answers each Ask record, a test's request,
// with a Reply.
//
// For a program with the host's standard input, the host sends it in Input records
// and waits for a Taken record after each. An Input without bytes is the end, and has
// no answer. If the program has a terminal, the host may send Resize records.
//
// As soon as the channel works, the guest may send Modprobe records, each with a name
// for which modules are wanted. The answer is (ModuleFile ModuleData…)… ModuleEnd: the
// files to load, in that order. The host gives one answer after the other, among its
// other records. In the same way it may send HostAsk records, each of which asks for a
// file of the host and is answered with a HostReply.
//
// The host does not trust a guest: root in the guest can write any bytes to the
// channel. So a Reader, Record.Decode and a Receiver check each length, count and
// value before they use it, and return a GarbledError for data that is not valid.
// The host has to check the order of all records except those of files.
package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// Port is the name of the virtio-serial port of the channel.
const Port = "kmodtest.records"

// MaxPayload is the longest payload of any record in bytes. Longer data takes
// several records.
const MaxPayload = 1 << 20

// MaxInput is the longest payload of an Input record in bytes.
const MaxInput = 64 << 10

// MaxKernelLog is the longest payload of a KernelLog record in bytes: the longest
// record that /dev/kmsg returns (PRINTK_MESSAGE_MAX, 2048 since Linux 6.3;
// CONSOLE_EXT_LOG_MAX, 8192 before).
const MaxKernelLog = 8192

// Type is the type of a record.
type Type uint8

// The types of records, each with its payload.
const (
	Hello      Type = iota + 1 // Greeting
	Ready                      // Readiness
	File                       // FileHead
	Data                       // a piece of the file
	FileEnd                    // no payload if the file is whole; otherwise the reason why not
	Job                        // Work
	Signal                     // one byte: the signal's number
	Stdout                     // raw bytes
	Stderr                     // raw bytes
	KernelLog                  // one record of /dev/kmsg as read
	Exit                       // Status
	Checks                     // Findings
	Done                       // no payload
	Beat                       // no payload: the sender is alive
	Ask                        // Request
	Reply                      // Answer
	Modprobe                   // ModuleRequest
	ModuleFile                 // ModuleHead
	ModuleData                 // a piece of the module's file
	ModuleEnd                  // ModuleResult
	Input                      // raw bytes
	Taken                      // no payload: the program's input has the bytes
	Resize                     // Window
	HostAsk                    // HostRequest
	HostReply                  // HostAnswer
	Inspect                    // a pattern of paths
	Mark                       // a mark's line, before the kernel log has it
	Setup                      // Boot; in the initramfs, not in the channel
	last       = Setup
)

// types has the name of each type as it stands in messages, and the longest payload
// in bytes.
var types = [...]struct {
	name string
	max  int
}{
	Hello:     {"hello", 1 << 10},
	Ready:     {"ready", MaxPayload},
	File:      {"file", MaxPayload},
	Data:      {"data", MaxPayload},
	FileEnd:   {"file end", maxReason},
	Job:       {"job", MaxPayload},
	Signal:    {"signal", 1},
	Stdout:    {"stdout", MaxShared},
	Stderr:    {"stderr", MaxShared},
	KernelLog: {"kernel log", MaxKernelLog},
	Exit:      {"exit", MaxPayload},
	Checks:    {"checks", MaxPayload},
	Done:      {"done", 0},
	Beat:      {"beat", 0},
	Ask:       {"ask", MaxShared},
	Reply:     {"reply", 8 * MaxRequest},

	Modprobe:   {"modprobe", maxModprobe},
	ModuleFile: {"module file", 1 << 10},
	ModuleData: {"module data", MaxPayload},
	ModuleEnd:  {"module end", maxReason + 64},

	Input:     {"input", MaxInput},
	Taken:     {"taken", 0},
	Resize:    {"resize", 1 << 6},
	HostAsk:   {"host file request", 8 << 10},
	HostReply: {"host file answer", MaxPayload},
	Inspect:   {"inspect", maxPath},
	Mark:      {"mark", 1 << 10},
	Setup:     {"setup", MaxPayload},
}

// String returns the type's name as it stands in messages.
func (t Type) String() string {
	if t == 0 || t > last {
		return fmt.Sprintf("unknown type %d", uint8(t))
	}
	return types[t].name
}

// limit returns the longest payload of a record of type t in bytes.
func (t Type) limit() int {
	if t == 0 || t > last {
		return -1
	}
	return types[t].max
}

// Record is one message. Payload is valid until the next Read of its Reader.
type Record struct {
	Type    Type
	Payload []byte
}

const headerSize = 5 // type uint8, length uint32 big-endian

// MaxShared is the length in bytes of the longest payload of a record that a guest sends
// while its program runs: the program itself may write to the channel, too.
const MaxShared = inside.MaxRecord - headerSize

// Writer writes records. Several goroutines may call its methods at the same time,
// except those that send files.
type Writer struct {
	mu  sync.Mutex
	w   io.Writer
	buf []byte
}

// NewWriter returns a Writer on w. No record takes more than one call of w.Write.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write writes one record. It returns an error, and writes nothing, if the payload
// is too long for type t.
func (w *Writer) Write(t Type, payload []byte) error { return w.WriteEach(t, payload) }

// WriteEach writes a record for each payload, all in a single call of w.Write. It returns an error, and
// writes nothing, if a payload is too long for type t.
func (w *Writer) WriteEach(t Type, payloads ...[]byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = w.buf[:0]
	for _, payload := range payloads {
		if len(payload) > t.limit() {
			return fmt.Errorf("write %v record: %d bytes exceed the limit of %d", t, len(payload), t.limit())
		}
		w.buf = binary.BigEndian.AppendUint32(append(w.buf, byte(t)), uint32(len(payload)))
		w.buf = append(w.buf, payload...)
	}
	if _, err := w.w.Write(w.buf); err != nil {
		return fmt.Errorf("write %v record: %w", t, err)
	}
	return nil
}

// Stream returns an io.Writer that writes its input as records of type t, Data,
// Stdout or Stderr. Several streams of w may be used at the same time.
func (w *Writer) Stream(t Type) io.Writer { return stream{w, t} }

type stream struct {
	w *Writer
	t Type
}

func (s stream) Write(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		chunk := p[n:min(len(p), n+s.t.limit())]
		if err := s.w.Write(s.t, chunk); err != nil {
			return n, err
		}
		n += len(chunk)
	}
	return n, nil
}

// A GarbledError reports that the other side sent invalid data.
type GarbledError struct{ Err error }

// Error returns the description of the invalid data.
func (e *GarbledError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *GarbledError) Unwrap() error { return e.Err }

// Reader reads records. Only one goroutine may use it at a time. It allocates at most
// MaxPayload and a fixed buffer.
type Reader struct {
	r   *bufio.Reader
	buf []byte
}

// NewReader returns a Reader on r.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReaderSize(r, 64<<10)} }

// Read returns the next record. The error is io.EOF if the stream ends between two
// records. It wraps io.ErrUnexpectedEOF if the stream ends inside a record, and is a
// GarbledError if the type is unknown or the payload too long for the type.
func (r *Reader) Read() (Record, error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		return Record{}, err
	}
	t, size := Type(head[0]), int64(binary.BigEndian.Uint32(head[1:]))
	if size > int64(t.limit()) {
		return Record{}, &GarbledError{fmt.Errorf("not a record: %v of %d bytes", t, size)}
	}
	if int64(cap(r.buf)) < size {
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
