package apt

import (
	"bufio"
	"bytes"
	"strings"
)

// stanza is a paragraph of "Field: value" lines in the output of apt's tools. Continuation lines are
// left out: no field that this package uses has any.
type stanza map[string]string

// parseStanzas parses the output of an apt tool, which separates paragraphs by empty lines.
func parseStanzas(text []byte) []stanza {
	var all []stanza
	current := stanza{}
	flush := func() {
		if len(current) > 0 {
			all = append(all, current)
			current = stanza{}
		}
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, len(text)+1)
	for lines.Scan() {
		line := lines.Text()
		if strings.TrimSpace(line) == "" {
			flush()
			continue
		}
		field, value, ok := strings.Cut(line, ":")
		if ok && !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") {
			current[field] = strings.TrimSpace(value)
		}
	}
	flush()
	return all
}
