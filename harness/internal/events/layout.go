package events

import (
	"errors"
	"io"
	"reflect"
	"testing"
	"unsafe"
)

// layout has the offsets of the unexported fields of the testing package that this
// package changes. A version of Go with other fields is detected, and not changed.
type layout struct {
	// common is the offset of the test's state in testing.T and testing.F; chatty
	// is that of the pointer in it to the printer of events, nil without -test.v.
	common, chatty uintptr
	// printer is the type of the printer; w is the offset of its io.Writer, and
	// json that of the bool that selects the format for test2json.
	printer reflect.Type
	w, json uintptr
}

var errLayout = errors.New("the testing package of this version of Go has an unknown layout")

// findLayout returns the layout of the testing package, or errLayout.
func findLayout() (l layout, err error) {
	common, ok := reflect.TypeFor[testing.T]().FieldByName("common")
	inF, okF := reflect.TypeFor[testing.F]().FieldByName("common")
	if !ok || !okF || common.Type != inF.Type || common.Offset != inF.Offset {
		return l, errLayout
	}
	chatty, ok := common.Type.FieldByName("chatty")
	if !ok || chatty.Type.Kind() != reflect.Pointer {
		return l, errLayout
	}
	l.printer = chatty.Type.Elem()
	w, ok := l.printer.FieldByName("w")
	json, okJSON := l.printer.FieldByName("json")
	if !ok || !okJSON || w.Type != reflect.TypeFor[io.Writer]() || json.Type.Kind() != reflect.Bool {
		return l, errLayout
	}
	l.common, l.chatty, l.w, l.json = common.Offset, chatty.Offset, w.Offset, json.Offset
	return l, nil
}

// test points to the state that testing.T and testing.F have in common.
type test unsafe.Pointer

// test returns the state of t.
func (l layout) test(t *testing.T) test { return test(unsafe.Add(unsafe.Pointer(t), l.common)) }

// fuzz returns the state of f.
func (l layout) fuzz(f *testing.F) test { return test(unsafe.Add(unsafe.Pointer(f), l.common)) }

// printerOf returns the address of a test's pointer to its printer.
func (l layout) printerOf(t test) *unsafe.Pointer {
	return (*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(t), l.chatty))
}

// newPrinter returns a new printer.
func (l layout) newPrinter() unsafe.Pointer { return reflect.New(l.printer).UnsafePointer() }

// turn makes a printer print to w, in the format for test2json. No other goroutine may
// use the printer at the same time.
func (l layout) turn(printer unsafe.Pointer, w io.Writer) {
	*(*io.Writer)(unsafe.Add(printer, l.w)) = w
	*(*bool)(unsafe.Add(printer, l.json)) = true
}

// turned reports whether a printer already prints to w.
func (l layout) turned(printer unsafe.Pointer, w io.Writer) bool {
	return *(*io.Writer)(unsafe.Add(printer, l.w)) == w
}

// lists are the tests of a testing.M.
type lists struct {
	tests      *[]testing.InternalTest
	benchmarks *[]testing.InternalBenchmark
	fuzz       *[]testing.InternalFuzzTarget
	examples   *[]testing.InternalExample
}

// findLists returns the addresses of the unexported lists of m, or errLayout.
func findLists(m *testing.M) (l lists, err error) {
	v := reflect.ValueOf(m).Elem()
	for name, list := range map[string]any{"tests": &l.tests, "benchmarks": &l.benchmarks, "fuzzTargets": &l.fuzz, "examples": &l.examples} {
		field := v.FieldByName(name)
		want := reflect.TypeOf(list).Elem()
		if !field.IsValid() || reflect.PointerTo(field.Type()) != want {
			return l, errLayout
		}
		reflect.ValueOf(list).Elem().Set(reflect.NewAt(field.Type(), field.Addr().UnsafePointer()))
	}
	return l, nil
}
