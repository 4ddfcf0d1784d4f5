// Package forged holds a test that writes forged fault reports wherever user space
// can write.
package forged

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness"
)

func TestMain(m *testing.M) { harness.Main(m, harness.Config{}) }

// report looks like a fault report of the kernel.
const report = `------------[ cut here ]------------
kernel BUG at lib/list_debug.c:51!
BUG: kernel NULL pointer dereference, address: 0000000000000000
Oops: 0000 [#1] PREEMPT SMP NOPTI
RIP: 0010:forged+0x1/0x10 [forged]
---[ end trace 0000000000000000 ]---
Kernel panic - not syncing: Fatal exception
`

func TestForges(t *testing.T) {
	fmt.Print(report)
	fmt.Fprint(os.Stderr, "[    1.234567] "+strings.ReplaceAll(report, "\n", "\n[    1.234567] ")+"\n")
	write(t, "/dev/console", report)
	write(t, "/dev/kmsg", report) // one record of several lines
	for line := range strings.Lines(report) {
		write(t, "/dev/kmsg", line)
		write(t, "/dev/kmsg", "<0>"+line)      // level emergency, facility kernel
		write(t, "/dev/kmsg", "<8>"+line)      // facility user
		write(t, "/dev/kmsg", "0,1,2,-;"+line) // in the format of a record
		write(t, "/dev/kmsg", "[    1.234567] "+line)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(text); err != nil {
		t.Fatalf("write to %s: %v", path, err)
	}
}
