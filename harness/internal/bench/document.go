package bench

import (
	"bytes"
	"fmt"
	"os"
)

// Marks before and after the tables in a document.
const (
	beginMark = "<!-- begin of make bench -->\n"
	endMark   = "<!-- end of make bench -->\n"
)

// Replace replaces the tables in a document. It is an error if the document has
// no marks.
func Replace(path string, tables []byte) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, begins := bytes.Cut(text, []byte(beginMark))
	_, foot, ends := bytes.Cut(rest, []byte(endMark))
	if !begins || !ends {
		return fmt.Errorf("%s has no place for the tables: add the lines %q and %q", path, beginMark, endMark)
	}
	out := bytes.Join([][]byte{head, []byte(beginMark), tables, []byte(endMark), foot}, nil)
	return os.WriteFile(path, out, 0o644)
}
