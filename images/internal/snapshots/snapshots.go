// Package snapshots reads dates of archives that keep their earlier versions.
package snapshots

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// mark stands for the date in addresses.
const mark = "DATE"

var date = regexp.MustCompile(`^\d[0-9A-Za-z/.-]*$`)

// Check returns an error if one of the dates cannot be used, or is there twice.
func Check(dates []string) error {
	for i, d := range dates {
		if !date.MatchString(d) {
			return fmt.Errorf("the snapshot %q is not a date such as 20260901, 20260901T000000Z or 2026/09/01", d)
		}
		if slices.Contains(dates[:i], d) {
			return fmt.Errorf("there are two snapshots of %s", d)
		}
	}
	return nil
}

// At returns an address for a date, which replaces DATE in it.
func At(address, date string) string { return strings.ReplaceAll(address, mark, date) }

// AllAt returns addresses for a date.
func AllAt(addresses []string, date string) []string {
	dated := slices.Clone(addresses)
	for i := range dated {
		dated[i] = At(dated[i], date)
	}
	return dated
}

// Name returns the name of a kernel as of a date.
func Name(kernel, date string) string { return kernel + "-" + strings.ReplaceAll(date, "/", ".") }
