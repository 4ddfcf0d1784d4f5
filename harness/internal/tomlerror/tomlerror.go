// Package tomlerror describes errors of the decoder of kmodtest.toml in the words of that file.
package tomlerror

import (
	"fmt"
	"regexp"
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
