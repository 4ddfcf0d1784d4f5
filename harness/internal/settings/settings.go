// Package settings writes to files of the kernel in a guest.
package settings

import (
	"fmt"
	"os"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// Apply writes the settings of a job, as wire.Work has them. An error is noted in the kernel log.
func Apply(all []string) error {
	for _, setting := range all {
		path, text, _ := strings.Cut(setting, " ")
		if err := appendTo(path, text+"\n"); err != nil {
			if err := appendTo(inside.KernelLog, fmt.Sprintf("kmodtest: cannot write %.200q: %v\n", text, err)); err != nil {
				return fmt.Errorf("note a setting in the kernel log: %w", err)
			}
		}
	}
	return nil
}

// appendTo writes a text to a file that exists, in one call.
func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}
