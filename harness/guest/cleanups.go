package guest

import (
	"errors"
	"reflect"
	"testing"
	"unsafe"
)

// cleanupsOf returns the functions that a test has passed to Cleanup, an unexported field
// of the testing package. Only the test's own goroutine may use it.
func cleanupsOf(t *testing.T) (*[]func(), error) {
	field := reflect.ValueOf(t).Elem().FieldByName("common").FieldByName("cleanups")
	if !field.IsValid() || field.Type() != reflect.TypeFor[[]func()]() {
		return nil, errors.New("the testing package of this version of Go has an unknown layout")
	}
	return (*[]func())(unsafe.Pointer(field.UnsafeAddr())), nil
}
