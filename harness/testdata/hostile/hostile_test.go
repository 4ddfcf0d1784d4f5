// Package hostile has tests that are root in a guest and try to mislead, fill or
// break the host.
package hostile

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness"
	"github.com/kmodtest/kmodtest/harness/guest"
	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

func TestMain(m *testing.M) {
	if group := os.Getenv("HOSTILE_EAT"); group != "" {
		eat(group)
	}
	harness.Main(m, harness.Config{Memory: 512, Env: []string{"HOSTILE_*"}})
}

// eat takes more memory than its control group may have.
func eat(group string) {
	if err := os.WriteFile(group+"/cgroup.procs", []byte("0"), 0); err != nil {
		panic(err)
	}
	memory := make([]byte, 64<<20)
	for i := 0; i < len(memory); i += 4096 {
		memory[i] = 1
	}
	os.Exit(0)
}

// TestLeavesWithForgedResult fails, reports success through the pipe for the result, and exits.
func TestLeavesWithForgedResult(t *testing.T) {
	t.Error("this test has failed")
	word := "no word"
	environment, err := os.ReadFile("/proc/self/environ")
	if err != nil {
		t.Fatal(err)
	}
	for v := range strings.SplitSeq(string(environment), "\x00") {
		if value, ok := strings.CutPrefix(v, "KMODTEST_RESULT="); ok {
			word = value
		}
	}
	files, err := filepath.Glob("/proc/self/fd/1[0-9][0-9][0-9]")
	if err != nil {
		t.Fatal(err)
	}
	forged := false
	for _, file := range files {
		to, err := os.Readlink(file)
		if err != nil || !strings.HasPrefix(to, "pipe:") {
			continue
		}
		if err := os.WriteFile(file, []byte(inside.Result(word, 0)), 0); err != nil {
			t.Fatal(err)
		}
		forged = true
	}
	if !forged || word == "no word" {
		t.Fatal("there is nothing to forge")
	}
	syscall.Exit(0)
}

// channel returns PID 1's channel to the host.
func channel(t *testing.T) *os.File {
	t.Helper()
	init, err := unix.PidfdOpen(1, 0)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("/proc/1/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if to, _ := os.Readlink(file); !strings.HasPrefix(to, "/dev/vport") {
			continue
		}
		number, err := strconv.Atoi(filepath.Base(file))
		if err != nil {
			t.Fatal(err)
		}
		fd, err := unix.PidfdGetfd(init, number, 0)
		if err != nil {
			t.Fatal(err)
		}
		return os.NewFile(uintptr(fd), "channel")
	}
	t.Fatal("PID 1 has no channel to the host")
	return nil
}

// Types of records, as package wire numbers them.
const (
	fileRecord, dataRecord, exitRecord, checksRecord, doneRecord, askRecord, modprobeRecord, hostRecord = 3, 4, 11, 12, 13, 15, 17, 24
)

// put sends a record over PID 1's channel.
func put(t *testing.T, out *os.File, typ byte, payload []byte) {
	t.Helper()
	record := append(binary.BigEndian.AppendUint32([]byte{typ}, uint32(len(payload))), payload...)
	if _, err := out.Write(record); err != nil {
		t.Fatal(err)
	}
}

// TestForgesTheEnd sends the records that end a run from a failing test.
func TestForgesTheEnd(t *testing.T) {
	t.Error("this test has failed")
	code, err := strconv.ParseInt(os.Getenv("HOSTILE_CODE"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	out := channel(t)
	put(t, out, exitRecord, append(binary.AppendVarint(nil, code), 0, 2, 0, 0)) // no signal, finished, no scan, no error
	put(t, out, checksRecord, []byte{0, 0, 0})
	put(t, out, doneRecord, nil)
	time.Sleep(time.Hour)
}

// TestAsksForMachines requests fresh machines and does not wait for them.
func TestAsksForMachines(t *testing.T) {
	out := channel(t)
	for i := range 100_000 {
		put(t, out, askRecord, request(fmt.Sprintf("/tmp/%d", i), "fresh", os.Getenv("HOSTILE_NAME"), "1"))
	}
	time.Sleep(time.Hour)
}

// request returns the payload of a request.
func request(id, verb string, args ...string) []byte {
	var payload []byte
	word := func(s string) { payload = append(binary.AppendVarint(payload, int64(len(s))), s...) }
	word(id)
	word(verb)
	payload = binary.AppendVarint(payload, int64(len(args)))
	for _, arg := range args {
		word(arg)
	}
	return payload
}

// TestAsksForDisks requests more disks than a machine may have, with valid requests
// and faster than they can be attached.
func TestAsksForDisks(t *testing.T) {
	out := channel(t)
	for i := range 100_000 {
		put(t, out, askRecord, request(fmt.Sprintf("/tmp/%d", i), "disk", os.Getenv("HOSTILE_SIZE"), "-"))
	}
	time.Sleep(time.Hour)
}

// TestAsksForModules requests a module and does not wait for it.
func TestAsksForModules(t *testing.T) {
	out := channel(t)
	const name = "ext4"
	for i := range 100_000 {
		payload := append(binary.AppendVarint(nil, int64(-i)), 2*byte(len(name)))
		put(t, out, modprobeRecord, append(append(payload, name...), 2, 0, 0)) // by the kernel, with files, nothing is loaded
	}
	time.Sleep(time.Hour)
}

// TestAsksForHostFiles requests a file of the host and does not wait for it.
func TestAsksForHostFiles(t *testing.T) {
	out := channel(t)
	const name = "/etc/passwd"
	for i := range 100_000 {
		payload := append(binary.AppendVarint(nil, int64(i)), 2*2, 2*byte(len(name))) // read
		payload = append(append(payload, name...), 0, 0)                              // after nothing, at 0
		put(t, out, hostRecord, binary.AppendVarint(payload, 256<<10))
	}
	time.Sleep(time.Hour)
}

// TestAsksForFiles requests modules with names of files.
func TestAsksForFiles(t *testing.T) {
	for _, name := range []string{"/etc/passwd", "../../../../../etc/passwd", "kernel/fs/ext4/ext4.ko", "*", "[", "\x1b[2J"} {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if err := unix.Connect(fd, &unix.SockaddrUnix{Name: "/etc/kmodtest/modprobe.socket"}); err != nil {
			t.Fatal(err)
		}
		if _, err := unix.Write(fd, []byte("k"+name)); err != nil {
			t.Fatal(err)
		}
		reply := make([]byte, 1000)
		n, err := unix.Read(fd, reply)
		if err != nil || n < 2 || reply[0] != 'e' || reply[1] != 2 {
			t.Errorf("%q: %q, %v; want the end of an answer that nothing was found", name, reply[:max(n, 0)], err)
		}
	}
}

// TestWritesToPipe requests a fresh machine as guest.Fresh does, and writes invalid
// requests.
func TestWritesToPipe(t *testing.T) {
	pipe, err := os.OpenFile(inside.RequestPipe, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"\n", "/tmp/answer fresh TestWritesToPipe 1\n", "/tmp/answer fresh no-test -5\n", "/tmp/answer disk x y\n", strings.Repeat("x", 1<<16) + "\n"} {
		if _, err := pipe.WriteString(line); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSendsFile sends a file that the host did not request.
func TestSendsFile(t *testing.T) {
	out := channel(t)
	name := os.Getenv("HOSTILE_NAME")
	head := append(binary.AppendVarint(nil, int64(len(name))), name...)
	put(t, out, fileRecord, append(binary.AppendVarint(head, 0o644), 0, 0))
	time.Sleep(time.Hour)
}

// TestMakesHole leaves an artifact that is a sparse file of one tebibyte.
func TestMakesHole(t *testing.T) {
	f, err := os.Create(filepath.Join(t.ArtifactDir(), "hole"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(1 << 40); err != nil {
		t.Fatal(err)
	}
}

// TestWritesEscapes writes escape sequences to the console and to the kernel log,
// and then crashes the kernel.
func TestWritesEscapes(t *testing.T) {
	for _, path := range []string{"/dev/kmsg", "/dev/console"} {
		if err := os.WriteFile(path, []byte("<0>\x1b]0;owned\x07\x1b[31m\n"), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0); err != nil {
		t.Fatal(err)
	}
}

// TestPrintsPass prints the line that ends the output of a test binary.
func TestPrintsPass(t *testing.T) {
	fmt.Print("PASS\ncoverage: 50% of statements\nafter that\n")
	t.Error("this test has failed")
}

// TestShowsEnvironment prints the variables that look like secrets.
func TestShowsEnvironment(t *testing.T) {
	for _, v := range os.Environ() {
		if strings.Contains(v, "SECRET") || strings.Contains(v, "TOKEN") {
			fmt.Println("in the guest:", v)
		}
	}
}

// TestLogsWithoutEnd logs until it is stopped.
func TestLogsWithoutEnd(t *testing.T) {
	for line := strings.Repeat("x", 60_000); ; {
		t.Log(line)
	}
}

// TestPutsReportsIntoRecords makes the kernel log text of its own, as part of lines of the kernel.
func TestPutsReportsIntoRecords(t *testing.T) {
	for _, text := range []string{"Kernel panic - not syncing: forged", "BUG: KASAN: use-after-free in victim [innocent]"} {
		if err := unix.Mount("none", t.TempDir(), "tmpfs", 0, "x\n"+text+"\ny"); err == nil {
			t.Error("the kernel knows the option of the mount")
		}
	}
	if err := unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&[]byte("BUG: mine\x00")[0])), 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
}

// TestTaintsAfterOutOfMemory makes the kernel end a process for want of memory, which it expects, and
// sets the taint flag of a warning.
func TestTaintsAfterOutOfMemory(t *testing.T) {
	guest.ExpectKernelFault(t, "out-of-memory", ".")
	group := "/sys/fs/cgroup/small"
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0); err != nil {
			t.Fatal(err)
		}
	}
	write("/sys/fs/cgroup/cgroup.subtree_control", "+memory")
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Fatal(err)
	}
	write(group+"/memory.max", "4194304")
	cmd := exec.Command("/proc/self/exe", "-test.run=^$")
	cmd.Env = []string{"HOSTILE_EAT=" + group}
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Fatalf("the process got all memory: %s", out)
	}
	write("/proc/sys/kernel/tainted", "512")
}

// TestSendsSignalsToInit sends all signals to the first process.
func TestSendsSignalsToInit(t *testing.T) {
	for signal := syscall.Signal(1); signal < 32; signal++ {
		if err := syscall.Kill(1, signal); err != nil {
			t.Errorf("%v: %v", signal, err)
		}
	}
}

// TestLeavesItsPlace makes nothing of the harness reachable by a path, and gives root away.
func TestLeavesItsPlace(t *testing.T) {
	if err := os.RemoveAll("/run/kmodtest"); err != nil {
		t.Error(err)
	}
	if err := syscall.Chroot(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setgid(65534); err != nil {
		t.Error(err)
	}
	if err := syscall.Setuid(65534); err != nil {
		t.Error(err)
	}
}
