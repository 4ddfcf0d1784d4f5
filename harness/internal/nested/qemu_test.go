//go:build kvm

package nested

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// newRelease is the release of Debian whose QEMU is tried in addition to that of
// the host.
const newRelease = "trixie"

// newRoot is where scripts/qemu.sh has unpacked its packages.
func (p place) newRoot() string { return filepath.Join(filepath.Dir(p.Dir), "qemu-"+newRelease) }

// newCommand is how to start it: with its own libraries and firmware.
func (p place) newCommand() []string {
	libraries := p.newRoot() + "/usr/lib/x86_64-linux-gnu"
	return []string{libraries + "/ld-linux-x86-64.so.2", "--library-path", libraries, p.newRoot() + "/usr/bin/qemu-system-x86_64"}
}

// newFirmware are directories with firmware.
var newFirmware = []string{"/usr/share/qemu", "/usr/share/seabios"}

// addNewQEMU adds the files of the newer QEMU, if it has been unpacked.
func (p place) addNewQEMU(found map[string]bool) error {
	command := p.newCommand()
	if _, err := os.Stat(command[3]); err != nil {
		return nil // the test that needs it says so
	}
	list, err := exec.Command(command[0], append([]string{"--list"}, command[1:]...)...).Output()
	if err != nil {
		return fmt.Errorf("list the libraries of %s: %w", command[3], err)
	}
	for field := range bytes.FieldsSeq(list) {
		if bytes.HasPrefix(field, []byte(p.newRoot())) {
			if err := addWithTargets(found, string(field)); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{command[0], command[3]} {
		if err := addWithTargets(found, name); err != nil {
			return err
		}
	}
	for _, name := range []string{"seabios/bios-256k.bin", "qemu/kvmvapic.bin", "qemu/linuxboot_dma.bin", "qemu/pvh.bin"} {
		if err := addWithTargets(found, filepath.Join(p.newRoot(), "/usr/share", name)); err != nil {
			return err
		}
	}
	return nil
}

// addWithTargets adds a file and, if it is a symbolic link, its targets.
func addWithTargets(found map[string]bool, path string) error {
	found[path] = true
	target, err := filepath.EvalSymlinks(path)
	found[target] = true
	return err
}

// newQEMU returns a program that starts the newer QEMU.
func (p place) newQEMU(t *testing.T) string {
	t.Helper()
	command := p.newCommand()
	if _, err := os.Stat(command[3]); err != nil {
		t.Fatalf("%v: run scripts/qemu.sh %s first", err, newRelease)
	}
	text := "exec"
	for _, word := range command {
		text += " '" + word + "'"
	}
	for _, dir := range newFirmware {
		text += " -L '" + p.newRoot() + dir + "'"
	}
	return script(t, text+" \"$@\"\n")
}

// script makes a program for the shell.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "qemu")
	// In the outer machine, /bin is not a link to /usr/bin.
	if err := os.WriteFile(path, []byte("#!/usr/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
