package vmcore

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// memoryAt is the physical address of the memory in images of these tests.
const memoryAt = 0x100000

// write writes an ELF file as QEMU does: notes, and one piece of memory.
func write(t *testing.T, notes string, memory []byte) *os.File {
	t.Helper()
	const head, segment = 64, 56
	at := uint64(head + 2*segment)
	var b bytes.Buffer
	for _, part := range []any{
		elf.Header64{
			Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
			Type:  uint16(elf.ET_CORE), Machine: uint16(elf.EM_X86_64), Version: 1, Phoff: head, Ehsize: head, Phentsize: segment, Phnum: 2,
		},
		elf.Prog64{Type: uint32(elf.PT_NOTE), Off: at, Filesz: uint64(len(notes)), Memsz: uint64(len(notes))},
		elf.Prog64{Type: uint32(elf.PT_LOAD), Off: at + uint64(len(notes)), Paddr: memoryAt, Filesz: uint64(len(memory)), Memsz: uint64(len(memory))},
		[]byte(notes), memory,
	} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// kernelNote is a note as it is in the kernel's memory.
func kernelNote(text string) []byte {
	var b bytes.Buffer
	for _, n := range []uint32{11, uint32(len(text)), 0} {
		b.Write(binary.LittleEndian.AppendUint32(nil, n))
	}
	b.WriteString("VMCOREINFO\x00\x00" + text)
	for b.Len()%4 != 0 {
		b.WriteByte(0)
	}
	return b.Bytes()
}

// processors are QEMU's notes of two processors.
func processors() string {
	var b bytes.Buffer
	for pid := range 2 {
		for _, n := range []uint32{5, 336, uint32(elf.NT_PRSTATUS)} {
			b.Write(binary.LittleEndian.AppendUint32(nil, n))
		}
		state := make([]byte, 336)
		state[pidAt] = byte(pid + 1)
		b.WriteString("CORE\x00\x00\x00\x00" + string(state))
	}
	return b.String()
}

// complete returns the image that is made of QEMU's, and its file.
func complete(t *testing.T, raw *os.File, where string, c culprit) (*elf.File, *os.File) {
	t.Helper()
	to, err := os.Create(filepath.Join(t.TempDir(), "complete"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { to.Close() })
	if err := rewrite(to, raw, parseNote([]byte(where)), c); err != nil {
		t.Fatal(err)
	}
	image, err := elf.NewFile(to)
	if err != nil {
		t.Fatal(err)
	}
	return image, to
}

func TestImageGetsWhatDebuggersNeed(t *testing.T) {
	want := kernelNote("OSRELEASE=6.1\nSYMBOL(_stext)=ffffffff81000000\nNUMBER(phys_base)=-15725568\n") // code at 0x100c00
	memory := append(make([]byte, 256), append(want, make([]byte, 1<<20)...)...)
	copy(memory[0xc00:], "the kernel's code")
	image, _ := complete(t, write(t, processors(), memory), "0x100100 1024\n", culpritOf([]string{"BUG: x", "CPU: 1 PID: 48 Comm: x"}))
	notes, err := io.ReadAll(image.Progs[0].Open())
	if err != nil || len(notes) < 600 || !bytes.HasSuffix(notes, want) || notes[20+pidAt] != 0 || notes[20+336+20+pidAt] != 48 {
		t.Errorf("the notes are %q, %v", notes, err)
	}
	if code := image.Progs[1]; code.Vaddr != 0xffffffff81000000 || code.Paddr != memoryAt+0xc00 {
		t.Errorf("the code is %+v", code.ProgHeader)
	} else if text, err := io.ReadAll(code.Open()); err != nil || !bytes.HasPrefix(text, []byte("the kernel's code")) {
		t.Errorf("the code is %.20q, %v", text, err)
	}
	if kept, err := io.ReadAll(image.Progs[2].Open()); err != nil || !bytes.Equal(kept, memory) || image.Progs[2].Paddr != memoryAt {
		t.Errorf("the memory has changed, %v", err)
	}
}

func TestImageOfKernelThatDescribesNothingIsKept(t *testing.T) {
	memory := bytes.Repeat([]byte("memory"), 1000)
	image, _ := complete(t, write(t, processors(), memory), "", culprit{})
	if kept, err := io.ReadAll(image.Progs[1].Open()); err != nil || !bytes.Equal(kept, memory) {
		t.Errorf("the memory has changed, %v", err)
	}
}

// A guest can say anything about the place of its note, and write anything there.
func TestWrongDescriptionsAreRefused(t *testing.T) {
	endless := kernelNote("text")
	binary.LittleEndian.PutUint32(endless[4:], 1<<31)
	for text, memory := range map[string][]byte{
		"0x100000 1024":           make([]byte, 4096),
		"0x100001 1024":           append([]byte{0}, endless...),
		"0xffffffffffffff00 1024": make([]byte, 4096),
		"0x100f00 1024":           make([]byte, 4096),
		"0x100000 8":              kernelNote("text"),
		"0x100000 400":            append(endless, make([]byte, 4096)...),
	} {
		to, err := os.Create(filepath.Join(t.TempDir(), "complete"))
		if err != nil {
			t.Fatal(err)
		}
		if err := rewrite(to, write(t, processors(), memory), parseNote([]byte(text)), culprit{}); err == nil {
			t.Errorf("%s: no error", text)
		}
		to.Close()
	}
	for _, text := range []string{"", "garbage", "0x100000", "0x100000 fffffff"} {
		if n := parseNote([]byte(text)); n != (note{}) {
			t.Errorf("%q is read as %+v", text, n)
		}
	}
}

func TestUnusedMemoryTakesNoRoom(t *testing.T) {
	const size = 8 << 20
	memory := make([]byte, size)
	copy(memory[size/2:], "used")
	_, file := complete(t, write(t, processors(), memory), "", culprit{})
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if room := info.Sys().(*syscall.Stat_t).Blocks * 512; info.Size() < size || room > size/4 {
		t.Errorf("a file of %d bytes takes %d", info.Size(), room)
	}
}

func TestCulpritIsInReport(t *testing.T) {
	for line, want := range map[string]culprit{
		"CPU: 1 PID: 48 Comm: faults.test Tainted: G           O       6.1.176 #1": {1, 48, true},
		"CPU: 0 UID: 0 PID: 7 Comm: x Not tainted 6.12":                            {0, 7, true},
		"Call Trace:": {7, 7, true},
		"CPU: 99999999999999999999 PID: 1 Comm: x": {},
	} {
		if got := culpritOf([]string{"CPU: 7 PID: 7 Comm: x", "BUG: x", line}); got != want {
			t.Errorf("%s: %+v, want %+v", line, got, want)
		}
	}
}

func TestImagesHaveNamesOfTests(t *testing.T) {
	dir := t.TempDir()
	i := Images{keeper: &Keeper{Dir: dir, Name: "suite-6.1"}}
	for test, want := range map[string]string{"": "suite-6.1.elf", "TestA": "suite-6.1-TestA.elf", "TestA/../x": "suite-6.1-TestA....x.elf"} {
		if path, err := i.place(test); err != nil || path != filepath.Join(dir, want) {
			t.Errorf("%q: %s, %v; want %s", test, path, err, want)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "suite-6.1.elf"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if path, err := i.place(""); err != nil || !strings.HasSuffix(path, "suite-6.1-2.elf") {
		t.Errorf("the second: %s, %v", path, err)
	}
}
