package apt

import (
	"bufio"
	"bytes"
	"strings"
)

// stanza is one paragraph of "Field: value" lines, as apt's tools print them. Lines that continue a field are left out:
// no field that is needed here has any.
type stanza map[string]string

// parseStanzas splits what an apt tool printed at its empty lines.
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
