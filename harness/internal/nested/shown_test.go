//go:build kvm

package nested

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Variables with the versions of the host's QEMU and of the newer one.
const (
	versionVariable    = "NESTED_QEMU_VERSION"
	newVersionVariable = "NESTED_NEW_QEMU_VERSION"
)

// setVersions sets these variables.
func (p place) setVersions() error {
	for name, command := range map[string][]string{versionVariable: {"qemu-system-x86_64"}, newVersionVariable: p.newCommand()} {
		if _, err := os.Stat(command[len(command)-1]); err != nil && len(command) > 1 {
			continue // the test that needs it says so
		}
		version, err := versionOf(command[0], command[1:]...)
		if err != nil {
			return err
		}
		if err := os.Setenv(name, version); err != nil {
			return err
		}
	}
	return nil
}

// versionOf returns the version of QEMU, which a command starts.
func versionOf(name string, args ...string) (string, error) {
	out, err := exec.Command(name, append(args, "--version")...).Output()
	if err != nil {
		return "", fmt.Errorf("%s %s --version: %w", name, args, err)
	}
	// QEMU emulator version 7.2.1 (Debian …)
	fields := strings.Fields(string(out))
	if len(fields) < 4 {
		return "", fmt.Errorf("%s %s --version: %q", name, args, out)
	}
	return fields[3], nil
}

// repeatedVariable is set if the tests have failed in another outer machine: see
// scripts/kvm.sh.
const repeatedVariable = "NESTED_REPEATED"

// shows prints a row of the table in docs/kvm.md if the test passes. The variable
// has QEMU's version.
func shows(t *testing.T, what, variable string) {
	if os.Getenv(repeatedVariable) != "" {
		what += " (repeated: failed in the first outer machine)"
	}
	t.Cleanup(func() {
		if !t.Failed() {
			t.Logf("shown: %s | %s | `%s` |", what, os.Getenv(variable), t.Name())
		}
	})
}
