package harness

import (
	"reflect"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/request"
)

// Every field of a configuration reaches the program that controls the run.
func TestRequestHasAllOfConfig(t *testing.T) {
	t.Parallel()
	var config Config
	fill(t, reflect.ValueOf(&config).Elem())
	got, want := reflect.ValueOf(config.request()), reflect.ValueOf(config)
	for i := range want.NumField() {
		name := want.Type().Field(i).Name
		if name == "Devices" { // the test binary calls it
			continue
		}
		field := got.FieldByName(name)
		if name == "Builds" {
			if builds, ok := reflect.TypeAssert[[]request.Build](field); !ok || len(builds) != 1 || !reflect.DeepEqual(Build(builds[0]), config.Builds[0]) {
				t.Errorf("Builds are %+v, want %+v", field, config.Builds)
			}
			continue
		}
		if field.IsValid() && field.CanConvert(want.Field(i).Type()) {
			field = field.Convert(want.Field(i).Type())
		}
		if !field.IsValid() || !reflect.DeepEqual(field.Interface(), want.Field(i).Interface()) {
			t.Errorf("the request has another %s than the configuration", name)
		}
	}
}

// fill gives every field a value that is not zero.
func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.Struct:
		for _, field := range v.Fields() {
			fill(t, field)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0))
	case reflect.String:
		v.SetString("text")
	case reflect.Int:
		v.SetInt(7)
	case reflect.Float64:
		v.SetFloat(50)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Func:
	default:
		t.Fatalf("a field of kind %s", v.Kind())
	}
}
