package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Message is what the payload of a record means. The payload holds its fields one
// after the other, in the order in which fields names them. A library that finds
// them by reflection would be a tenth of all that a guest under TCG has to
// translate between being restored and starting the tests.
type Message interface{ fields(c codec) }

// codec goes through the fields of a message, to write or to read them.
type codec interface {
	number(n *int64)
	text(s *string)
}

// encoder appends fields to a payload: a number as a varint of encoding/binary,
// a text as its length and its bytes.
type encoder struct{ b []byte }

func (e *encoder) number(n *int64) { e.b = binary.AppendVarint(e.b, *n) }

func (e *encoder) text(s *string) {
	e.b = append(binary.AppendVarint(e.b, int64(len(*s))), *s...)
}

// decoder takes fields from the front of a payload.
type decoder struct {
	b   []byte
	err error
}

var errShort = errors.New("the payload ends inside a field")

func (d *decoder) number(n *int64) {
	value, size := binary.Varint(d.b)
	if d.err != nil || size <= 0 {
		d.err, *n = errShort, 0
		return
	}
	*n, d.b = value, d.b[size:]
}

func (d *decoder) text(s *string) {
	var n int64
	d.number(&n)
	if n < 0 || n > int64(len(d.b)) {
		d.err, n = errShort, 0
	}
	*s, d.b = string(d.b[:n]), d.b[n:]
}

// flag is a field that is true or false.
func flag(c codec, b *bool) {
	var n int64
	if *b {
		n = 1
	}
	c.number(&n)
	*b = n != 0
}

// integer is a field of type int.
func integer(c codec, i *int) {
	n := int64(*i)
	c.number(&n)
	*i = int(n)
}

// list is a field of several texts.
func list(c codec, texts *[]string) {
	n := int64(len(*texts))
	c.number(&n)
	if d, ok := c.(*decoder); ok {
		if n < 0 || n > int64(len(d.b)) { // each takes a byte at least
			d.err, n = errShort, 0
		}
		*texts = nil
		if n > 0 {
			*texts = make([]string, n)
		}
	}
	for i := range *texts {
		c.text(&(*texts)[i])
	}
}

// Decode unpacks the payload into v.
func (r Record) Decode(v Message) error {
	d := &decoder{b: r.Payload}
	v.fields(d)
	if d.err == nil && len(d.b) > 0 {
		d.err = fmt.Errorf("%d bytes are left over", len(d.b))
	}
	if d.err != nil {
		return &GarbledError{fmt.Errorf("decode %v record: %w", r.Type, d.err)}
	}
	return nil
}

// WriteMessage writes one record with v as its payload.
func (w *Writer) WriteMessage(t Type, v Message) error {
	var e encoder
	v.fields(&e)
	return w.Write(t, e.b)
}
