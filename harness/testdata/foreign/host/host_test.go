// Package host has tests that use files and programs of the host, none of which is named
// in a configuration.
package host

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestFilesBesideTestsAreThere(t *testing.T) {
	for name, want := range map[string]string{
		"host_test.go": "func TestFilesBesideTestsAreThere", "../tests/add.go": "package", "../go.mod": "module example.com/foreign", "../../foreign/go.mod": "module",
	} {
		if b, err := os.ReadFile(name); err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %d bytes, %v, want %q", name, len(b), err, want)
		}
	}
	entries, err := os.ReadDir("..")
	if err != nil || len(entries) < 4 {
		t.Errorf("entries of ..: %v, %v", entries, err)
	}
	if b, err := os.ReadFile(os.Getenv("FOREIGN_EXPECTED")); err != nil || string(b) != "of this run" {
		t.Errorf("a file of this run's host: %q, %v", b, err)
	}
}

// coreutils are programs of every Debian.
const coreutils = `arch b2sum base32 base64 basename basenc cat chcon chgrp chmod chown cksum comm cp csplit cut date dd df dir
dircolors dirname du env expand expr factor fmt fold groups head hostid id install join link ln logname ls md5sum mkdir
mkfifo mknod mktemp mv nice nl nohup nproc numfmt od paste pathchk pinky pr printenv ptx pwd readlink realpath rm rmdir
runcon sha1sum sha224sum sha256sum sha384sum sha512sum shred shuf sleep sort split stat stdbuf stty sum sync tac tail tee
timeout touch tr true truncate tsort tty uname unexpand uniq unlink users vdir wc who whoami yes`

func TestProgramsOfHostRun(t *testing.T) {
	for _, name := range strings.Fields(coreutils) {
		out, err := exec.Command("/usr/bin/"+name, "--version").Output()
		if err != nil || !strings.Contains(string(out), "coreutils") {
			t.Errorf("%s: %v: %.100q", name, err, out)
		}
	}
	for command, want := range map[string]string{
		"ls /usr/share":                     "doc",
		"sh -c 'cd /usr/bin && ls | wc -l'": "",
		"python3 -c 'import json, ctypes, ssl; print(json.dumps([1]))'": "[1]",
		"perl -MPOSIX -e 'print floor(2.5)'":                            "2",
		"git -C / hash-object /etc/os-release":                          "",
		"ip -brief link show lo":                                        "lo",
		"nft list ruleset":                                              "",
		"openssl version -m":                                            "ossl-modules",
		"gcc --version":                                                 "gcc",
		"bash -c 'echo ${BASH_VERSINFO[0]}'":                            "5",
	} {
		program, _, _ := strings.Cut(command, " ")
		if !strings.Contains(os.Getenv("FOREIGN_PROGRAMS"), " "+program+" ") {
			continue // the host does not have it
		}
		out, err := exec.Command("/bin/sh", "-c", command).CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v, want %q:\n%s", command, err, want, out)
		}
	}
}

func TestWritesStayInGuest(t *testing.T) {
	for _, name := range []string{"../go.mod", "/etc/os-release", "new", "/usr/bin/new"} {
		before, _ := os.ReadFile(name) // some do not exist
		f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_, err = f.WriteString("written in the guest")
		if err == nil {
			err = f.Close()
		}
		after, readErr := os.ReadFile(name)
		if err != nil || readErr != nil || string(after) != string(before)+"written in the guest" {
			t.Errorf("%s: %v, %v, %q after %q", name, err, readErr, after, before)
		}
	}
	for _, name := range []string{"../tests/add_test.go", "/etc/debian_version"} {
		if err := os.Remove(name); err != nil {
			t.Errorf("remove %s: %v", name, err)
		}
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s exists after it was removed", name)
		}
	}
	if err := os.Rename("../faults", "../renamed"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat("../renamed/faults_test.go"); err != nil {
		t.Error(err)
	}
}

func TestPrivateFilesAreNotVisible(t *testing.T) {
	for _, name := range strings.Split(os.Getenv("FOREIGN_PRIVATE"), ":") {
		if b, err := os.ReadFile(name); err == nil {
			t.Errorf("%s is visible: %.20q", name, b)
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Error(err)
		}
		if err := os.WriteFile(name, []byte("mine"), 0o600); err != nil {
			t.Errorf("write a file of the guest's own: %v", err)
		}
	}
}

func TestSystemIsAsOnHost(t *testing.T) {
	if u, err := user.Lookup("daemon"); err != nil || u.Uid != "1" {
		t.Errorf("user daemon: %+v, %v", u, err)
	}
	if zone, err := time.LoadLocation("Europe/Berlin"); err != nil {
		t.Error(err)
	} else if name, _ := time.Unix(0, 0).In(zone).Zone(); name != "CET" {
		t.Errorf("zone %s", name)
	}
	for _, dir := range []string{"/proc", "/sys", "/dev", "/run", "/tmp"} {
		text, err := os.ReadFile("/proc/self/mounts")
		if err != nil || !strings.Contains(string(text), " "+dir+" ") {
			t.Errorf("no file system of the guest at %s, %v", dir, err)
		}
	}
}

func TestSystemHasWhatProgramsExpect(t *testing.T) {
	for _, name := range []string{"/etc/services", "/etc/protocols", "/etc/hosts", "/etc/nsswitch.conf"} {
		if b, err := os.ReadFile(name); err != nil || len(b) == 0 {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
	for _, name := range []string{"/dev/net/tun", "/dev/fuse", "/dev/loop-control", "/dev/ptmx", "/dev/kmsg"} {
		if f, err := os.OpenFile(name, os.O_RDWR, 0); err != nil {
			t.Error(err)
		} else {
			f.Close()
		}
	}
	if home, err := os.UserHomeDir(); err != nil || home != "/root" {
		t.Errorf("home directory %q, %v", home, err)
	}
	for name, resource := range map[string]int{"open files": syscall.RLIMIT_NOFILE, "core": syscall.RLIMIT_CORE, "locked memory": 8} {
		var limit syscall.Rlimit
		err := syscall.Getrlimit(resource, &limit)
		if limit.Cur = limit.Max; err == nil {
			err = syscall.Setrlimit(resource, &limit)
		}
		if err != nil || limit.Max < 1<<19 {
			t.Errorf("limit of %s: %d, %v", name, limit.Max, err)
		}
	}
	crash := exec.Command("/bin/sh", "-c", "ulimit -c unlimited; kill -SEGV $$")
	crash.Dir = t.TempDir()
	err := crash.Run()
	if core, globErr := filepath.Glob(filepath.Join(crash.Dir, "core*")); globErr != nil || len(core) != 1 {
		t.Errorf("a crash (%v) leaves %q, want a core dump", err, core)
	}
}

// A file of the guest becomes a disk by a loop device.
func TestLoopDeviceShowsFile(t *testing.T) {
	const setFile, clearFile, free = 0x4c00, 0x4c01, 0x4c82
	text := strings.Repeat("0123456789abcdef", 4096)
	file := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	open := func(name string) *os.File {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	ioctl := func(f *os.File, request, arg uintptr) int {
		n, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, arg)
		if errno != 0 {
			t.Fatalf("ioctl %#x of %s: %v", request, f.Name(), errno)
		}
		return int(n)
	}
	device := open(fmt.Sprint("/dev/loop", ioctl(open("/dev/loop-control"), free, 0)))
	ioctl(device, setFile, open(file).Fd())
	defer ioctl(device, clearFile, 0)
	got := make([]byte, len(text))
	if _, err := device.ReadAt(got, 0); err != nil || string(got) != text {
		t.Errorf("%s: %v, %d bytes that differ", device.Name(), err, len(got))
	}
}
