// Package board describes the machines that QEMU emulates, one for each architecture of the guest.
package board

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/images/arch"
)

// Board is the kind of machine for an architecture.
type Board struct {
	Arch    string // of the guest's kernel, as GOARCH
	Program string // QEMU's system emulator
	Machine string // the value of -machine
	CPU     string // the value of -cpu under TCG; under KVM it is host
	MaxCPUs int    // the most virtual CPUs
	NUMA    bool   // it can have several nodes
	Debian  string // the package with Program, in Debian and Ubuntu
	Fedora  string // the same, in Fedora

	// Bus ends the names of virtio devices: pci or ccw.
	Bus string
	// Ports is the number of PCI Express ports for devices that are attached to a running machine; 0 if the bus takes
	// them without.
	Ports int
	// Drivers are the kernel's drivers of the channel, in loading order. A kernel has them built in or as modules.
	Drivers []string

	// Console is the kernel's name of the serial line.
	Console string
	// KernelArgs are kernel parameters for this board, besides those for all.
	KernelArgs []string
	// MaxKernelArgs is the longest command line that all kernels read, in bytes.
	MaxKernelArgs int

	// KeyPrefix precedes a SysRq key on a console that has no break.
	KeyPrefix string
	// NMI reports that QEMU can send a non-maskable interrupt, on which the kernel panics.
	NMI bool

	// Fleeting machines are not saved: a restored one may stop responding.
	Fleeting bool

	// RestoresAlone reports that an emulated machine is restored without its kernel and initramfs, which QEMU would
	// only copy.
	RestoresAlone bool

	// base is the physical address of the memory.
	base uint64
}

// Of returns the board for a guest's architecture, a GOARCH; "" is that of the host.
func Of(goarch string) (Board, error) {
	if goarch == "" {
		goarch = arch.Host().Name
	}
	for _, b := range boards {
		if b.Arch == goarch {
			return b, nil
		}
	}
	var names []string
	for _, b := range boards {
		names = append(names, b.Arch)
	}
	return Board{}, fmt.Errorf("there is no machine for kernels of %s: there are machines for %s", goarch, strings.Join(names, ", "))
}

// For returns the board of a program of QEMU, by its name or path, or that of the host.
func For(program string) Board {
	for _, b := range boards {
		if b.Program == filepath.Base(program) {
			return b
		}
	}
	b, _ := Of("")
	return b
}

// IsNative reports whether the host's processor can run the guest's instructions itself.
func (b Board) IsNative() bool { return b.Arch == arch.Host().Name }

// HasPCI reports whether the machine has a PCI bus.
func (b Board) HasPCI() bool { return b.Bus == "pci" }

// Device returns the name of a virtio device: "virtio-blk-pci" for "virtio-blk".
func (b Board) Device(kind string) string { return kind + "-" + b.Bus }

// Offset returns the offset in the memory's file of a guest physical address. memory is the size in MiB, and
// machine the values of the user's -machine options.
func (b Board) Offset(address uint64, memory int, machine []string) int64 {
	if b.Arch != "amd64" {
		return int64(address - b.base)
	}
	// QEMU puts this much memory below the devices and the rest at 4 GiB.
	const mib, gib = 1 << 20, 1 << 30
	low, least := uint64(3*gib), 3584*mib // of the machine type pc
	if slices.Contains(types(machine), "q35") {
		low, least = 2*gib, 2816*mib
	}
	if memory*mib >= least && address >= 4*gib {
		address -= 4*gib - low
	}
	return int64(address)
}

// types returns "q35" if the last machine type in the values of -machine options is of that kind, else nothing.
func types(machine []string) (kinds []string) {
	for _, value := range machine {
		for i, property := range strings.Split(value, ",") {
			name, value, ok := strings.Cut(property, "=")
			if i == 0 && !ok {
				name, value = "type", name
			}
			if name != "type" {
				continue
			}
			kinds = nil
			if value == "q35" || strings.HasPrefix(value, "pc-q35-") {
				kinds = []string{"q35"}
			}
		}
	}
	return kinds
}
