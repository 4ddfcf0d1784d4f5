package wire

import (
	"fmt"
	"io"
)

// Sink takes one file's content. Exactly one call ends it: Commit if the file is
// whole, otherwise Discard.
type Sink interface {
	io.Writer
	Commit() error
	Discard()
}

// Receiver puts together the files that arrive in records. Only one goroutine may
// use it at a time. With its zero value no file is expected, and Take refuses all
// records.
type Receiver struct {
	// Create returns where the content of a regular file goes. It makes
	// directories and symbolic links itself and returns a nil Sink for them.
	// If Create is nil, no file is expected.
	Create func(FileHead) (Sink, error)
	// Limits bound the files of all calls of Take.
	Limits Limits

	name  string
	sink  Sink
	tally tally
}

// Take handles a record of type File, Data or FileEnd. It returns a GarbledError
// for a record that is not valid, is out of order or is not expected, and a
// LimitError for a file that exceeds Limits. After an error the current file is
// discarded.
func (r *Receiver) Take(rec Record) error {
	err := r.take(rec)
	if err != nil {
		r.Abort()
	}
	return err
}

func (r *Receiver) take(rec Record) error {
	switch {
	case r.Create == nil:
		return &GarbledError{fmt.Errorf("receive files: unexpected %v record: no file is expected", rec.Type)}
	case rec.Type == File && r.sink == nil:
		return r.begin(rec)
	case rec.Type == File:
		return &GarbledError{fmt.Errorf("receive %q: another file begins before its end", r.name)}
	case rec.Type == Data && r.sink != nil:
		if err := r.tally.add(int64(len(rec.Payload)), r.Limits); err != nil {
			return fmt.Errorf("receive %w", err)
		}
		_, err := r.sink.Write(rec.Payload)
		return err
	case rec.Type == FileEnd && r.sink != nil:
		if len(rec.Payload) > 0 {
			return fmt.Errorf("receive %q: the sender could not read it: %s", r.name, rec.Payload)
		}
		sink := r.sink
		r.sink = nil
		return sink.Commit()
	}
	return &GarbledError{fmt.Errorf("receive files: %v record out of order", rec.Type)}
}

// begin handles a File record.
func (r *Receiver) begin(rec Record) error {
	var head FileHead
	if err := rec.Decode(&head); err != nil {
		return err
	}
	if err := r.tally.begin(head.Name, r.Limits); err != nil {
		return fmt.Errorf("receive %w", err)
	}
	sink, err := r.Create(head)
	if err != nil {
		return err // the Sink is not valid
	}
	r.name, r.sink = head.Name, sink
	return nil
}

// Abort discards a file that is not whole yet.
func (r *Receiver) Abort() {
	if r.sink != nil {
		r.sink.Discard()
		r.sink = nil
	}
}
