// Package kconfig merges fragments of a kernel's configuration, and checks that each line took effect.
package kconfig

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Line is one line of a fragment: a symbol and its requested value.
type Line struct {
	Symbol string // without CONFIG_
	Value  string // "y", "m", "n", a number, or a string with its quotes
	Where  string // file and line number
}

// String returns the line in the syntax of a configuration.
func (l Line) String() string {
	if l.Value == "n" {
		return "# CONFIG_" + l.Symbol + " is not set"
	}
	return "CONFIG_" + l.Symbol + "=" + l.Value
}

var (
	setLine   = regexp.MustCompile(`^CONFIG_(\w+)=(.+)$`)
	unsetLine = regexp.MustCompile(`^# CONFIG_(\w+) is not set$`)
)

// Parse parses a fragment. name is the file's name for messages. Comments and empty lines are left
// out. Any other line is an error; the kernel's own tools would ignore it.
func Parse(name string, text []byte) ([]Line, error) {
	var lines []Line
	scanner := bufio.NewScanner(bytes.NewReader(text))
	for number := 1; scanner.Scan(); number++ {
		line := strings.TrimSpace(scanner.Text())
		where := fmt.Sprintf("%s:%d", name, number)
		if match := setLine.FindStringSubmatch(line); match != nil {
			lines = append(lines, Line{match[1], match[2], where})
		} else if match := unsetLine.FindStringSubmatch(line); match != nil {
			lines = append(lines, Line{match[1], "n", where})
		} else if line != "" && !strings.HasPrefix(line, "#") {
			return nil, fmt.Errorf("read config fragment: %s: %q is neither CONFIG_NAME=VALUE nor # CONFIG_NAME is not set", where, line)
		}
	}
	return lines, scanner.Err()
}

// Merge returns the last line of each symbol, in the order in which the symbols first appear: later
// fragments override earlier ones.
func Merge(fragments ...[]Line) []Line {
	var merged []Line
	at := map[string]int{}
	for _, fragment := range fragments {
		for _, line := range fragment {
			if i, ok := at[line.Symbol]; ok {
				merged[i] = line
				continue
			}
			at[line.Symbol] = len(merged)
			merged = append(merged, line)
		}
	}
	return merged
}

// Values maps the symbols of a configuration to their values. A symbol that is not set is absent.
type Values map[string]string

// ReadValues reads a kernel's .config.
func ReadValues(path string) (Values, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	values := Values{}
	for line := range strings.Lines(string(text)) {
		if match := setLine.FindStringSubmatch(strings.TrimSpace(line)); match != nil {
			values[match[1]] = match[2]
		}
	}
	return values, nil
}

// Of returns the value of a symbol, or "n" if it is not set.
func (v Values) Of(symbol string) string {
	if value, ok := v[symbol]; ok {
		return value
	}
	return "n"
}
