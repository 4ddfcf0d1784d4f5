// Package arch has the architectures for which kmodtest knows kernels, and their names in other systems.
package arch

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Arch is an architecture of kernels.
type Arch struct {
	Name     string           // as GOARCH; also the name that users write
	Debian   string           // as in names of Debian's packages
	Machine  string           // as uname -m prints it; RPM and DKMS use it as well
	Source   string           // the directory below arch in the kernel's sources
	Make     string           // the variable ARCH of the kernel's makefiles
	Option   string           // the option of a kernel's configuration that is set for it alone
	Triplet  string           // the GNU system type, without which a cross compiler has no name
	Image    string           // the file that a machine boots, relative to a tree in which it was built
	ELF      elf.Machine      // of vmlinux and modules
	Order    binary.ByteOrder // of the processor
	Vermagic string           // the end of the string that a module must carry to be loaded
	PageSize int              // in bytes, as Debian configures it
	// Narrow is GOARCH of the 32-bit programs that the kernel runs as well; "" if Go has none.
	Narrow string
}

// all are the architectures that kmodtest knows, in the order of lists.
var all = []Arch{
	{
		Name: "amd64", Debian: "amd64", Machine: "x86_64", Source: "x86", Make: "x86_64", Option: "X86_64", Triplet: "x86_64-linux-gnu", Image: "arch/x86/boot/bzImage",
		ELF: elf.EM_X86_64, Order: binary.LittleEndian, PageSize: 4096, Narrow: "386",
	},
	{
		Name: "arm64", Debian: "arm64", Machine: "aarch64", Source: "arm64", Make: "arm64", Option: "ARM64", Triplet: "aarch64-linux-gnu", Image: "arch/arm64/boot/Image",
		ELF: elf.EM_AARCH64, Order: binary.LittleEndian, Vermagic: "aarch64", PageSize: 4096, Narrow: "arm",
	},
	{
		Name: "riscv64", Debian: "riscv64", Machine: "riscv64", Source: "riscv", Make: "riscv", Option: "RISCV", Triplet: "riscv64-linux-gnu", Image: "arch/riscv/boot/Image",
		ELF: elf.EM_RISCV, Order: binary.LittleEndian, Vermagic: "riscv", PageSize: 4096,
	},
	{
		Name: "s390x", Debian: "s390x", Machine: "s390x", Source: "s390", Make: "s390", Option: "S390", Triplet: "s390x-linux-gnu", Image: "arch/s390/boot/bzImage",
		ELF: elf.EM_S390, Order: binary.BigEndian, PageSize: 4096,
	},
}

// All returns all architectures, sorted by name.
func All() []Arch { return slices.Clone(all) }

// Names returns the names of all architectures, sorted.
func Names() []string {
	var names []string
	for _, a := range all {
		names = append(names, a.Name)
	}
	return names
}

// Find returns the architecture of that name.
func Find(name string) (Arch, error) {
	for _, a := range all {
		if a.Name == name {
			return a, nil
		}
	}
	return Arch{}, fmt.Errorf("there is no architecture %q: name one of %s", name, strings.Join(Names(), ", "))
}

// OfBuild returns the architecture of the kernel whose modules are built in a directory; that of the host if its
// configuration is of none in the list.
func OfBuild(dir string) Arch {
	config, err := os.ReadFile(filepath.Join(dir, "include/config/auto.conf"))
	if err == nil {
		for _, a := range all {
			if bytes.Contains(config, []byte("\nCONFIG_"+a.Option+"=y\n")) {
				return a
			}
		}
	}
	return Host()
}

// Of returns the architecture of kernels that run a program with that GOARCH: that of the kernel itself, or of 32-bit
// programs on it.
func Of(goarch string) (Arch, error) {
	for _, a := range all {
		if a.Narrow == goarch && goarch != "" {
			return a, nil
		}
	}
	return Find(goarch)
}

// Host returns the architecture of this host's kernel. A host that is not in the list has only the name.
func Host() Arch { return host(runtime.GOARCH) }

func host(goarch string) Arch {
	a, err := Of(goarch)
	if err != nil {
		return Arch{Name: goarch}
	}
	return a
}

// IsHost reports whether a is the architecture of this host's kernel.
func (a Arch) IsHost() bool { return a.Name == Host().Name }

// Prefix returns the prefix of programs that make files for a on this host, as make takes it as CROSS_COMPILE: "" for the
// host's own architecture, else "aarch64-linux-gnu-" or the like.
func (a Arch) Prefix() string {
	if a.IsHost() {
		return ""
	}
	return a.Triplet + "-"
}

// CompilerPackage returns the Debian package with the C compiler for a on this host.
func (a Arch) CompilerPackage() string {
	if a.IsHost() {
		return "gcc"
	}
	return "gcc-" + strings.ReplaceAll(a.Triplet, "_", "-")
}
