package prefix

import (
	"encoding/json"
	"strings"
)

// Object reads a log in the form of dmesg --json, which has each member of a record on
// a line of its own, or of journalctl -o json. Its zero value has seen an empty log.
type Object struct {
	begun                  bool // the log has this form
	priority, time, caller string
}

// Read returns the record that a line ends as dmesg -r prints it, or "" if the line ends
// none. It reports whether the log has this form, which its second line decides.
func (o *Object) Read(line string, number int) (record string, ok bool) {
	if strings.HasPrefix(line, "{") {
		if record := journalRecord(line); record != "" {
			return record, true
		}
	}
	if !o.begun {
		o.begun = number == 1 && strings.HasPrefix(strings.TrimSpace(line), `"dmesg": [`)
		return "", o.begun
	}
	line = strings.TrimSpace(line)
	name, value, _ := strings.Cut(strings.TrimSuffix(line, ","), ":")
	value = strings.TrimSpace(value)
	switch name {
	case `"fac"`:
		if value != `"kern"` {
			o.priority = "<8>" // of user space
		}
	case `"pri"`:
		if !strings.HasPrefix(value, `"`) {
			o.priority = "<" + value + ">"
		}
	case `"time"`:
		o.time = value
	case `"caller"`:
		o.caller = "[" + strings.Trim(value, `"`) + "]"
	case `"msg"`: // the last member
		var text string
		if json.Unmarshal([]byte(value), &text) != nil {
			text = strings.Trim(value, `"`)
		}
		record = o.priority + "[" + o.time + "]" + o.caller + " " + text
		*o = Object{begun: true}
	}
	return record, true
}

// journalRecord returns the record in a line of journalctl -o json, as dmesg -r prints it. For another line it returns "".
func journalRecord(line string) string {
	var entry struct {
		Message   string `json:"MESSAGE"`
		Transport string `json:"_TRANSPORT"`
	}
	if json.Unmarshal([]byte(line), &entry) != nil || entry.Transport == "" {
		return ""
	}
	if entry.Transport != "kernel" {
		return "<8>" + entry.Message
	}
	return "<6>" + entry.Message
}
