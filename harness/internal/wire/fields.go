package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Message is the decoded payload of a record. The payload holds the fields one
// after the other, in the order in which fields visits them. A library that finds
// them by reflection would be a tenth of all code that a guest under TCG
// translates between the restore and the start of the tests.
type Message interface{ fields(c codec) }

// codec visits the fields of a message, to write or to read them. After the first
// error it does nothing.
type codec interface {
	// number is a number from low to high.
	number(n *int64, low, high int64)
	text(s *string, k kind)
	// list is a list of at most limit texts.
	list(texts *[]string, limit int, k kind)
	// check reports an error unless ok.
	check(ok bool, problem string)
}

// encoder appends fields to a payload: a number as a varint of encoding/binary,
// a text as its length and its bytes, a list as its length and its texts.
type encoder struct {
	b   []byte
	err error
}

func (e *encoder) fail(err error) {
	if e.err == nil {
		e.err = err
	}
}

func (e *encoder) check(ok bool, problem string) {
	if !ok {
		e.fail(errors.New(problem))
	}
}

func (e *encoder) number(n *int64, low, high int64) {
	if *n < low || *n > high {
		e.fail(fmt.Errorf("number %d is not between %d and %d", *n, low, high))
	}
	e.b = binary.AppendVarint(e.b, *n)
}

func (e *encoder) text(s *string, k kind) {
	value := *s
	if k.cut {
		value = value[:min(len(value), k.limit)]
	}
	if err := k.check(value); err != nil {
		e.fail(err)
		return
	}
	e.b = append(binary.AppendVarint(e.b, int64(len(value))), value...)
}

func (e *encoder) list(texts *[]string, limit int, k kind) {
	n := int64(len(*texts))
	e.number(&n, 0, int64(limit))
	for i := range *texts {
		e.text(&(*texts)[i], k)
	}
}

// decoder takes fields from the front of a payload. It checks each length before
// it allocates memory.
type decoder struct {
	b   []byte
	err error
}

var errShort = errors.New("the payload ends inside a field")

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

func (d *decoder) check(ok bool, problem string) {
	if !ok {
		d.fail(errors.New(problem))
	}
}

func (d *decoder) number(n *int64, low, high int64) {
	*n = 0
	if d.err != nil {
		return
	}
	value, size := binary.Varint(d.b)
	switch {
	case size <= 0:
		d.fail(errShort)
	case value < low || value > high:
		d.fail(fmt.Errorf("number %d is not between %d and %d", value, low, high))
	default:
		*n, d.b = value, d.b[size:]
	}
}

func (d *decoder) text(s *string, k kind) {
	*s = ""
	var n int64
	d.number(&n, 0, int64(k.limit))
	if n > int64(len(d.b)) {
		d.fail(errShort)
	}
	if d.err != nil {
		return
	}
	value := string(d.b[:n])
	if err := k.check(value); err != nil {
		d.fail(err)
		return
	}
	*s, d.b = value, d.b[n:]
}

func (d *decoder) list(texts *[]string, limit int, k kind) {
	*texts = nil
	var n int64
	d.number(&n, 0, int64(limit))
	if n > int64(len(d.b)) { // each text takes at least one byte
		d.fail(errShort)
	}
	if d.err != nil || n == 0 {
		return
	}
	*texts = make([]string, n)
	for i := range *texts {
		d.text(&(*texts)[i], k)
	}
}

// flag is a field that is true or false.
func flag(c codec, b *bool) {
	var n int64
	if *b {
		n = 1
	}
	c.number(&n, 0, 1)
	*b = n != 0
}

// integer is a field of type int.
func integer(c codec, i *int, low, high int64) {
	n := int64(*i)
	c.number(&n, low, high)
	*i = int(n)
}

// unsigned is a field of type uint32.
func unsigned(c codec, n *uint32) {
	value := int64(*n)
	c.number(&value, 0, math.MaxUint32)
	*n = uint32(value)
}

// sized visits the length of a list, which is at most limit, and returns a list of that length.
func sized[T any](c codec, list []T, limit int64) []T {
	n := len(list)
	integer(c, &n, 0, limit)
	if d, ok := c.(*decoder); ok && n > len(d.b) { // each element takes at least one byte
		d.fail(errShort)
		n = 0
	}
	if n != len(list) {
		return make([]T, n)
	}
	return list
}

// any64 is a number without limits.
func any64(c codec, n *int64) { c.number(n, math.MinInt64, math.MaxInt64) }

// Decode unpacks the payload into v. If it returns a GarbledError, v holds some of
// the fields.
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

// WriteMessage writes one record with v as its payload. It returns an error, and
// writes nothing, if a field of v exceeds a limit or is not valid.
func (w *Writer) WriteMessage(t Type, v Message) error {
	var e encoder
	v.fields(&e)
	if e.err != nil {
		return fmt.Errorf("write %v record: %w", t, e.err)
	}
	return w.Write(t, e.b)
}
