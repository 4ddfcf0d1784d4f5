// Package kconfig merges fragments of a kernel's configuration, and sees that each line of them has held.
package kconfig

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Line is one line of a fragment: a symbol, and the value that it is to have.
type Line struct {
	Symbol string // without CONFIG_
	Value  string // "y", "m", "n", or as it stands: a number, or a string with its quotes
	Where  string // file and number of the line
}

// String returns the line as a configuration has it.
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

// Parse reads a fragment. name is for messages. Comments and empty lines are left out; the error is for a line that is
// neither, which the kernel's own tools would overlook.
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

// Merge returns the last line of each symbol, in the order in which the symbols came first: a later fragment has the last word.
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

// Values are what the symbols of a configuration are set to. One that is not set is not in it.
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

// Of returns the value of a symbol: "n" for one that is not set.
func (v Values) Of(symbol string) string {
	if value, ok := v[symbol]; ok {
		return value
	}
	return "n"
}
