package vmcore

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"regexp"
	"slices"
	"strconv"
)

// culprit is the task that a fault report names.
type culprit struct {
	cpu, pid int
	known    bool
}

// named matches the line of a fault report with the processor and the task.
var named = regexp.MustCompile(`CPU: (\d+) (?:UID: \d+ )?PID: (\d+) `)

// culpritOf returns the task that caused a fault or, if a panic followed, that panic.
func culpritOf(report []string) culprit {
	for _, line := range slices.Backward(report) {
		if found := named.FindStringSubmatch(line); found != nil {
			cpu, err := strconv.Atoi(found[1])
			if err != nil {
				return culprit{}
			}
			pid, err := strconv.Atoi(found[2])
			return culprit{cpu, pid, err == nil}
		}
	}
	return culprit{}
}

// Offsets in ELF notes of x86-64: of the header's end, and of the process ID in the state of a
// processor.
const (
	noteHead = 12
	pidAt    = 32
)

// mark writes into the notes of the processors which process each ran: the culprit, or 0, the
// idle task. QEMU, which cannot know it, has numbered them.
func (c culprit) mark(notes []byte) {
	round := func(n uint32) int { return int(n+3) &^ 3 }
	for cpu := 0; len(notes) >= noteHead; {
		nameSize, size := binary.LittleEndian.Uint32(notes), binary.LittleEndian.Uint32(notes[4:])
		kind := binary.LittleEndian.Uint32(notes[8:])
		content := noteHead + round(nameSize)
		next := content + round(size)
		if next > len(notes) {
			return
		}
		if kind == uint32(elf.NT_PRSTATUS) && bytes.HasPrefix(notes[noteHead:], []byte("CORE\x00")) && size >= pidAt+4 {
			pid := 0
			if c.known && c.cpu == cpu {
				pid = c.pid
			}
			binary.LittleEndian.PutUint32(notes[content+pidAt:], uint32(pid))
			cpu++
		}
		notes = notes[next:]
	}
}
