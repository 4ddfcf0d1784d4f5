package doctor

import (
	"bufio"
	"os"
	"slices"
	"strings"
)

// installers are the package managers of distributions, by the ID in os-release(5), with the names of
// packages that are not those of the programs.
var installers = []struct {
	ids      []string
	command  string
	packages map[string]string
}{
	{[]string{"debian", "ubuntu"}, "apt-get install", map[string]string{
		"qemu-system-x86_64": "qemu-system-x86", "qemu-system-aarch64": "qemu-system-arm", "qemu-system-riscv64": "qemu-system",
		"qemu-system-s390x": "qemu-system", "gcc": "build-essential", "make": "build-essential", "depmod": "kmod", "dpkg-deb": "dpkg", "apt-get": "apt",
	}},
	{[]string{"fedora", "rhel", "centos", "amzn"}, "dnf install", map[string]string{
		"qemu-system-x86_64": "qemu-system-x86-core", "qemu-system-aarch64": "qemu-system-aarch64-core",
		"qemu-system-riscv64": "qemu-system-riscv-core", "qemu-system-s390x": "qemu-system-s390x-core", "depmod": "kmod", "dpkg-deb": "dpkg", "apt-get": "apt", "debian-archive-keyring": "debian-keyring",
	}},
	{[]string{"arch"}, "pacman -S", map[string]string{
		"qemu-system-x86_64": "qemu-system-x86", "qemu-system-riscv64": "qemu-system-riscv", "depmod": "kmod", "dpkg-deb": "dpkg", "apt-get": "apt",
	}},
	{[]string{"suse", "opensuse"}, "zypper install", map[string]string{
		"qemu-system-x86_64": "qemu-x86", "qemu-system-aarch64": "qemu-arm", "qemu-system-riscv64": "qemu-extra", "qemu-system-s390x": "qemu-s390x",
		"depmod": "kmod", "dpkg-deb": "dpkg",
	}},
	{[]string{"alpine"}, "apk add", map[string]string{"gcc": "build-base", "depmod": "kmod", "dpkg-deb": "dpkg"}},
}

// install returns the command of this system that installs a program.
func (h Host) install(program string) string {
	ids := systemIDs(h.System)
	for _, in := range installers {
		if !slices.ContainsFunc(in.ids, func(id string) bool { return slices.Contains(ids, id) }) {
			continue
		}
		name := program
		if p, ok := in.packages[program]; ok {
			name = p
		}
		command := in.command + " " + name
		if os.Geteuid() != 0 {
			command = "sudo " + command
		}
		return command
	}
	return "install " + program + " with this system's package manager"
}

// systemIDs returns the names of the system in a file like os-release(5), its own before those of the
// systems that it is derived from.
func systemIDs(path string) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	var own, like []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), "=")
		switch value = strings.Trim(value, `"'`); name {
		case "ID":
			own = strings.Fields(value)
		case "ID_LIKE":
			like = strings.Fields(value)
		}
	}
	return append(own, like...)
}
