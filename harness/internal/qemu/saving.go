package qemu

import (
	"cmp"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/qemu/board"
)

// savedDevices are the devices of which QEMU saves the whole state, and which have
// none outside of QEMU except that of their backend.
var savedDevices = []string{
	"virtio-net", "virtio-net-pci", "e1000", "e1000e",
	"virtio-blk", "virtio-blk-pci", "virtio-scsi", "virtio-scsi-pci", "scsi-hd", "scsi-cd",
	"ahci", "ich9-ahci", "ide-hd", "ide-cd",
	"virtio-rng", "virtio-rng-pci",
}

// savedOptions have no state.
var savedOptions = []string{"cpu", "global", "machine", "M", "msg", "name", "uuid"}

// driveProperties are properties of a drive that name no other file.
var driveProperties = []string{"file", "format", "readonly", "read-only", "if", "id", "media", "index", "bus", "unit", "serial"}

// protocol is the beginning of a file name that QEMU does not open as a file.
var protocol = regexp.MustCompile(`^[A-Za-z0-9+.-]+:`)

// Unsaved returns the part of the machine because of which it cannot be saved, so
// that it has to boot each time; "" if it can be saved.
//
// A machine can be saved if the state of all its devices is part of what QEMU
// saves, and if its copies cannot disturb one another: they share no file that is
// written. For a device that is not known to be like that, the answer is no.
func (c Config) Unsaved() string {
	if b, err := board.Of(c.Arch); err == nil && b.Fleeting {
		return "processors of " + b.Arch
	}
	if c.NUMA > 0 {
		return "NUMA nodes"
	}
	for _, o := range options(c.Arguments) {
		if !o.saved() {
			return cmp.Or(o.String(), `""`)
		}
	}
	return ""
}

func (o option) saved() bool {
	kind, _, _ := strings.Cut(o.value, ",")
	switch o.name {
	case "netdev":
		return kind == "user"
	case "device":
		return slices.Contains(savedDevices, strings.TrimPrefix(kind, "driver="))
	case "drive":
		return o.file() != ""
	}
	return slices.Contains(savedOptions, o.name)
}

// file returns the path of a disk image that is never written and depends on no
// other file; "" if the option is something else.
func (o option) file() string {
	if o.name != "drive" {
		return ""
	}
	values := map[string]string{}
	for _, property := range splitProperties(o.value) {
		name, value, _ := strings.Cut(property, "=")
		if !slices.Contains(driveProperties, name) {
			return ""
		}
		values[name] = value
	}
	readOnly := cmp.Or(values["readonly"], values["read-only"])
	if readOnly != "on" || values["format"] != "raw" || protocol.MatchString(values["file"]) {
		return ""
	}
	return values["file"]
}

// splitProperties splits the value of an option at commas that are not doubled.
func splitProperties(value string) []string {
	const comma = "\x00" // arguments contain none
	parts := strings.Split(strings.ReplaceAll(value, ",,", comma), ",")
	for i := range parts {
		parts[i] = strings.ReplaceAll(parts[i], comma, ",")
	}
	return parts
}

// Files returns the paths of the disk images of a machine that can be saved. A saved
// machine fits them only as they were.
func (c Config) Files() []string {
	var files []string
	for _, o := range options(c.Arguments) {
		if file := o.file(); file != "" {
			if !filepath.IsAbs(file) {
				file = filepath.Join(c.Dir, file)
			}
			files = append(files, file)
		}
	}
	return files
}
