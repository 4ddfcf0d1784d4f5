// Package tomlerror describes errors of the decoder of kmodtest.toml in the words of that file.
package tomlerror

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// mismatch is the decoder's message about a value of a wrong type. It names a Go type.
var mismatch = regexp.MustCompile(`^toml: cannot decode TOML (\w+) into .* of type (.+)$`)

// wanted are the kinds of values by their Go types.
var wanted = map[string]string{
	"string": "string", "bool": "boolean", "int": "integer", "[]string": "array of strings", "[]int": "array of integers",
}

// Reason returns the reason of an error.
func Reason(err *toml.DecodeError) string {
	match := mismatch.FindStringSubmatch(err.Error())
	if match == nil {
		return err.Error()
	}
	want, known := wanted[match[2]]
	switch {
	case known:
	case strings.HasPrefix(match[2], "[]"):
		want = "array of tables"
	case strings.HasPrefix(match[2], "toml."): // a date or time
		return err.Error()
	default:
		want = "table"
	}
	return fmt.Sprintf("%s: got %s, want %s", strings.Join(err.Key(), "."), match[1], want)
}

// Unknown reports the first part of a key that a file of type T cannot have, and what it can have
// there.
func Unknown[T any](key []string) string {
	table, at := reflect.TypeFor[T](), ""
	for _, part := range key {
		next := member(table, part)
		if next == nil && at == "" {
			return fmt.Sprintf("there is no %s at the top; the tables are [%s]", part, strings.Join(keys(table), "] and ["))
		}
		if next == nil {
			return fmt.Sprintf("there is no key %s; the keys of [%s] are %s", (at + "." + part)[1:], at[1:], strings.Join(keys(table), ", "))
		}
		table, at = next, at+"."+part
	}
	return "there is no key " + strings.Join(key, ".")
}

// member returns the type of a key's value, or nil if the table has no such key. That of an array is
// the type of its elements.
func member(table reflect.Type, key string) reflect.Type {
	var t reflect.Type
	if i := slices.Index(keys(table), key); i >= 0 {
		t = table.Field(i).Type
	} else if table.Kind() == reflect.Map { // of tables, whose names are free
		t = table.Elem()
	}
	if t != nil && t.Kind() == reflect.Slice {
		return t.Elem()
	}
	return t
}

// keys returns the keys of a table, if it has fixed ones.
func keys(table reflect.Type) (all []string) {
	if table.Kind() != reflect.Struct {
		return nil
	}
	for field := range table.Fields() {
		all = append(all, field.Tag.Get("toml"))
	}
	return all
}
