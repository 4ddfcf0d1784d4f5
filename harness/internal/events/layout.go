package events

import (
	"errors"
	"io"
	"reflect"
	"testing"
	"unsafe"
)

// layout is where the testing package keeps what this one changes: it has no
// names for that. A version that keeps it elsewhere is noticed, and left alone.
type layout struct {
	// In testing.T and testing.F: the test itself, and in there the printer of
	// what happens to it, nil without -test.v.
	common, chatty uintptr
	// The printer, and in there where it prints to, and whether it does so
	// for test2json.
	printer reflect.Type
	w, json uintptr
}

var errLayout = errors.New("the testing package of this version of Go keeps its printer elsewhere")

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

// test is what testing.T and testing.F have in common.
type test unsafe.Pointer

func (l layout) test(t *testing.T) test { return test(unsafe.Add(unsafe.Pointer(t), l.common)) }
func (l layout) fuzz(f *testing.F) test { return test(unsafe.Add(unsafe.Pointer(f), l.common)) }

// printerOf returns where a test keeps its printer.
func (l layout) printerOf(t test) *unsafe.Pointer {
	return (*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(t), l.chatty))
}

// newPrinter makes a printer.
func (l layout) newPrinter() unsafe.Pointer { return reflect.New(l.printer).UnsafePointer() }

// turn has a printer print to w, for test2json. No other goroutine may use the
// printer meanwhile.
func (l layout) turn(printer unsafe.Pointer, w io.Writer) {
	*(*io.Writer)(unsafe.Add(printer, l.w)) = w
	*(*bool)(unsafe.Add(printer, l.json)) = true
}

// turned tells whether a printer prints to w already.
func (l layout) turned(printer unsafe.Pointer, w io.Writer) bool {
	return *(*io.Writer)(unsafe.Add(printer, l.w)) == w
}

// lists are what a testing.M is to run.
type lists struct {
	tests      *[]testing.InternalTest
	benchmarks *[]testing.InternalBenchmark
	fuzz       *[]testing.InternalFuzzTarget
	examples   *[]testing.InternalExample
}

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
