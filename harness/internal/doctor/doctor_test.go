package doctor

import (
	"go/version"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/qemu"
)

const (
	debian  = "PRETTY_NAME=\"Some system\"\nID=debian\n"
	current = "echo go1.26.3; echo auto"
)

// place is a host in a temporary directory. Its PATH has these programs only, with the text of a shell
// script each.
type place struct {
	programs map[string]string
	system   string // of os-release
	arch     string // of the kernel; "" for the host's
	kernel   string // the compiler of a kernel at a path; "" for the default kernel, which is not in the cache
	meminfo  string
	group    map[string]string // files of the cgroup
	noKVM    string
	free     uint64 // bytes
}

// good returns a host on which a run works.
func good() place {
	return place{
		programs: map[string]string{
			"go": current, "qemu-system-x86_64": "echo QEMU emulator version 9.9", "gcc": "echo 'gcc (Debian) 12.2.0'", "make": "",
		},
		system: debian, kernel: "gcc-12 (Debian 12.2.0-14) 12.2.0", meminfo: "MemTotal: 9 kB\nMemAvailable:    4000000 kB\n", free: 1 << 40,
	}
}

// fetches adds the programs that fetch a kernel.
func (p *place) fetches() {
	for _, name := range []string{"apt-get", "dpkg-deb", "depmod", "s390x-linux-gnu-gcc"} {
		p.programs[name] = ""
	}
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// host makes the files and the environment of the host.
func (p place) host(t *testing.T) Host {
	t.Helper()
	dir := t.TempDir()
	for name, script := range p.programs {
		write(t, filepath.Join(dir, "bin", name), "#!/bin/sh\n"+script+"\n", 0o755)
	}
	t.Setenv("PATH", filepath.Join(dir, "bin"))
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	write(t, filepath.Join(dir, "os-release"), p.system, 0o644)
	write(t, filepath.Join(dir, "meminfo"), p.meminfo, 0o644)
	for name, text := range p.group {
		write(t, filepath.Join(dir, "group", name), text, 0o644)
	}
	h := Host{
		Dir: dir, Arch: p.arch, System: filepath.Join(dir, "os-release"), Memory: filepath.Join(dir, "meminfo"), Group: filepath.Join(dir, "group"),
		Accel: func() (qemu.Accel, string) { return qemu.TCG, p.noKVM },
		Space: func(string) (uint64, error) { return p.free, nil },
	}
	if p.kernel != "" && p.arch == "" {
		h.Kernel = p.buildTree(t, filepath.Join(dir, "linux"))
	}
	return h
}

// buildTree makes what a kernel's build directory needs to be recognized.
func (p place) buildTree(t *testing.T, dir string) string {
	t.Helper()
	const release = "6.6.6-test"
	write(t, filepath.Join(dir, "include/config/kernel.release"), release+"\n", 0o644)
	write(t, filepath.Join(dir, "include/config/auto.conf"), "#\nCONFIG_CC_VERSION_TEXT=\""+p.kernel+"\"\nCONFIG_MODULES=y\n", 0o644)
	write(t, filepath.Join(dir, ".config"), "CONFIG_MODULES=y\n", 0o644)
	write(t, filepath.Join(dir, "Makefile"), "", 0o644)
	write(t, filepath.Join(dir, "Module.symvers"), "0x0\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n", 0o644)
	write(t, filepath.Join(dir, "scripts/mod/modpost"), "#!/bin/sh\n", 0o755)
	write(t, filepath.Join(dir, "vmlinux"), "\x7fELF", 0o644)
	write(t, filepath.Join(dir, "arch/x86/boot/bzImage"), "", 0o644)
	return dir
}

// TestBrokenHosts breaks one thing of a good host at a time. The finding about it must have the state
// and the remedy, and no other finding may be Broken.
func TestBrokenHosts(t *testing.T) {
	for _, c := range []struct {
		name          string
		breaks        func(*place)
		check         string
		state         State
		found, remedy string
	}{
		{"no Go", func(p *place) { delete(p.programs, "go") }, "Go", Broken, "no go command", "install Go 1.26"},
		{"old Go", func(p *place) { p.programs["go"] = "echo go1.25.9; echo local" }, "Go", Broken, "go1.25.9 is older than go1.26", "install Go 1.26"},
		{"old Go that fetches newer ones", func(p *place) { p.programs["go"] = "echo go1.24; echo go1.24+auto" }, "Go", Warning, "downloads", "install Go"},
		{"no QEMU", func(p *place) { delete(p.programs, "qemu-system-x86_64") }, "QEMU", Broken, "no qemu-system-x86_64", "apt-get install qemu-system-x86"},
		{"no QEMU on another system", func(p *place) {
			delete(p.programs, "qemu-system-x86_64")
			p.system = "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n"
		}, "QEMU", Broken, "no qemu-system-x86_64", "dnf install qemu-system-x86-core"},
		{
			"no QEMU on a system without a name", func(p *place) { delete(p.programs, "qemu-system-x86_64"); p.system = "" }, "QEMU", Broken,
			"no qemu-system-x86_64", "package manager",
		},
		{"QEMU that does not start", func(p *place) { p.programs["qemu-system-x86_64"] = "echo no libaio >&2; exit 127" }, "QEMU", Broken, "no libaio", "apt-get install"},
		{"no QEMU for the kernel's architecture", func(p *place) { p.arch = "s390x"; p.fetches() }, "QEMU", Broken, "no qemu-system-s390x", "apt-get install qemu-system"},
		{"emulated architecture", func(p *place) { p.arch, p.programs["qemu-system-s390x"] = "s390x", ""; p.fetches() }, "KVM", Warning, "cannot run a kernel for s390x", "architecture"},
		{"no permission for KVM", func(p *place) { p.noKVM = "open /dev/kvm: permission denied" }, "KVM", Warning, "permission denied", "usermod -aG kvm"},
		{"no KVM", func(p *place) { p.noKVM = "there is no /dev/kvm" }, "KVM", Warning, "emulation", "nested virtualization"},
		{"no space", func(p *place) { p.free = 100 * mib }, "disk space", Broken, "100 MiB are free", "kernel gc"},
		{
			"foreign gcc", func(p *place) { p.programs["gcc"] = "echo 'gcc (Other 3-1) 15.1.0'" }, "compiler", Warning,
			"15.1.0; the kernel was built with gcc-12", "version 12",
		},
		{"no gcc", func(p *place) { delete(p.programs, "gcc") }, "compiler", Broken, "no gcc", "apt-get install build-essential"},
		{"no make", func(p *place) { delete(p.programs, "make") }, "make", Broken, "no make", "apt-get install build-essential"},
		{"no apt", func(p *place) { p.kernel = "" }, "kernel", Broken, "no apt-get in PATH, and kernel 6.1 is not in the cache", "apt-get install apt"},
		{"small container", func(p *place) { p.group = map[string]string{"memory.max": "209715200\n"} }, "memory", Broken, "cgroup has 200 MiB", "more memory"},
		{"slow container", func(p *place) { p.group = map[string]string{"cpu.max": "50000 100000\n"} }, "processors", Warning, "0.5 of a processor", "limit"},
		{"container without a limit", func(p *place) { p.group = map[string]string{"cpu.max": "max 100000\n", "memory.max": "max\n"} }, "processors", OK, "no limit", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := good()
			c.breaks(&p)
			findings := p.host(t).Examine(t.Context())
			if f := only(t, findings, c.check); f.State != c.state || !strings.Contains(f.Found, c.found) || !strings.Contains(f.Remedy, c.remedy) {
				t.Errorf("got %+v; want %s, %q and the remedy %q", f, c.state, c.found, c.remedy)
			}
			if Works(findings) != (c.state != Broken) {
				t.Errorf("a run works: %t, although the state is %s", Works(findings), c.state)
			}
		})
	}
}

// only returns the finding of a check. No finding of another one may be Broken.
func only(t *testing.T, findings []Finding, check string) (found Finding) {
	t.Helper()
	for _, f := range findings {
		switch {
		case f.Check == check:
			found = f
		case f.State == Broken:
			t.Errorf("also broken: %+v", f)
		}
	}
	return found
}

func TestGoodHostWorks(t *testing.T) {
	for _, f := range good().host(t).Examine(t.Context()) {
		if f.State == Broken || f.State == Warning && f.Check != "QEMU" { // the script has no sandbox
			t.Errorf("%+v", f)
		}
		if f.State == OK && f.Remedy != "" {
			t.Errorf("a remedy for what is not broken: %+v", f)
		}
	}
}

func TestCacheThatCannotBeWrittenIsBroken(t *testing.T) {
	// Not even root can make a directory there.
	if f := good().host(t).cacheDir("/proc/cache"); f.State != Broken || !strings.Contains(f.Remedy, "XDG_CACHE_HOME") {
		t.Errorf("got %+v", f)
	}
}

func TestFreeSpaceIsThatOfTheFileSystem(t *testing.T) {
	var st unix.Statfs_t
	dir := t.TempDir()
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	free, err := freeSpace(dir)
	if err != nil || free == 0 || free > st.Blocks*uint64(st.Bsize) {
		t.Errorf("got %d, %v; the file system has %d blocks of %d bytes", free, err, st.Blocks, st.Bsize)
	}
}

func TestLeastGoIsThatOfTheModule(t *testing.T) {
	text, err := os.ReadFile("../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(text), "\ngo ")
	line, _, _ = strings.Cut(line, "\n")
	if version.Lang("go"+line) != leastGo {
		t.Errorf("go.mod requires %s, and the check %s", line, leastGo)
	}
}

func TestMissingCrossCompilerIsNamed(t *testing.T) {
	h := good().host(t)
	h.Kernel = "6.1@s390x"
	if f := h.compiler(t.Context(), nil); f.State != Broken || !strings.Contains(f.Found, "no s390x-linux-gnu-gcc in PATH") ||
		!strings.Contains(f.Remedy, "apt-get install gcc-s390x-linux-gnu") {
		t.Errorf("got %+v", f)
	}
}
