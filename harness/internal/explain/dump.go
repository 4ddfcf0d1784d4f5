package explain

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/printable"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
)

// maxCalls is how many calls are printed: the last ones.
const maxCalls = 60

// eventPattern matches a line that the kernel prints for a record of a probe: the process, the
// processor, the time in microseconds since the boot, the probe, the place, and the arguments.
var eventPattern = regexp.MustCompile(`^(?:\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? )? *(\S.*?)-(\d+) +(\d+)\S* +(\d+)us\S* *: e(\d+): \([^)]*\) ?(.*)$`)

// refusedPattern matches the line that the guest writes if the kernel refuses a setting.
var refusedPattern = regexp.MustCompile(`kmodtest: cannot write .*`)

// Text returns the explanation as lines for the output of the test. log is the kernel log of
// the machine in which the test ran again.
func (e *Explanation) Text(log string) string {
	var refused []string
	var events [][]string
	for line := range strings.Lines(log) {
		line = strings.TrimRight(line, "\n")
		if m := eventPattern.FindStringSubmatch(line); m != nil {
			events = append(events, m)
		} else if why := refusedPattern.FindString(line); why != "" {
			refused = append(refused, strings.TrimPrefix(why, verdict.Prefix))
		}
	}
	events = e.relevant(events)
	dropped := max(0, len(events)-maxCalls)
	var calls []string
	for _, m := range events[dropped:] {
		calls = append(calls, e.event(m))
	}
	if len(calls) == 0 {
		return verdict.Prefix + "the test ran again by itself, but the kernel printed no call of the functions of the call trace\n" + indent(refused)
	}
	head := verdict.Prefix + "the test ran again by itself, with probes on the functions of the call trace. The last calls, with the seconds since the boot:\n"
	if dropped > 0 {
		head += fmt.Sprintf("    [… %d calls before]\n", dropped)
	}
	return head + indent(calls)
}

// relevant returns the calls without those of the kernel's functions that a module has not
// made: of a thread, only those after its last call of a module's function.
func (e *Explanation) relevant(events [][]string) [][]string {
	modular := func(m []string) bool {
		number, err := strconv.Atoi(m[5])
		return err == nil && number < len(e.calls) && e.calls[number].Module != ""
	}
	if !slices.ContainsFunc(events, modular) {
		return events
	}
	last := map[string]int{} // by the thread
	for i, m := range events {
		if modular(m) {
			last[m[2]] = i
		}
	}
	var kept [][]string
	for i, m := range events {
		if at, ok := last[m[2]]; modular(m) || ok && i > at {
			kept = append(kept, m)
		}
	}
	return kept
}

func indent(lines []string) string {
	var all strings.Builder
	for _, line := range lines {
		all.WriteString("    " + printable.Line(line) + "\n")
	}
	return all.String()
}

// event returns the line for a record.
func (e *Explanation) event(m []string) string {
	number, err := strconv.Atoi(m[5])
	if err != nil || number >= len(e.calls) {
		return strings.TrimSpace(m[0])
	}
	micros, err := strconv.ParseUint(m[4], 10, 63)
	if err != nil {
		return strings.TrimSpace(m[0])
	}
	values := map[string]string{}
	for word := range strings.FieldsSeq(m[6]) {
		if name, value, ok := strings.Cut(word, "="); ok {
			values[name] = value
		}
	}
	c := e.calls[number]
	return fmt.Sprintf("%d.%06d cpu %s %s-%s %s%s(%s)", micros/1e6, micros%1e6, m[3], m[1], m[2], strings.Repeat("  ", number), c.Function, strings.Join(c.arguments(values), ", "))
}

// arguments returns the arguments of a call with their names.
func (c call) arguments(values map[string]string) []string {
	var all []string
	if c.parameters == nil {
		for i := range unnamed {
			all = append(all, values[fmt.Sprintf("a%d", i)])
		}
		return append(all, "…")
	}
	for i, p := range c.parameters {
		text := p.name + "=" + p.show(values[fmt.Sprintf("a%d", i)])
		if strings.HasSuffix(text, "=NULL") {
			all = append(all, text)
			continue
		}
		var fields []string
		for k, f := range p.fields {
			value := values[fmt.Sprintf("a%d_%d", i, k)]
			if value == "" || value == "(fault)" {
				continue
			}
			fields = append(fields, f.name+"="+f.show(value))
		}
		if len(fields) > 0 {
			text += " {" + strings.Join(fields, ", ") + "}"
		}
		all = append(all, text)
	}
	return all
}

// show returns a value as C writes it.
func (v value) show(text string) string {
	if v.pointer && text == "0x0" {
		return "NULL"
	}
	if text == "" {
		return "?"
	}
	return text
}
