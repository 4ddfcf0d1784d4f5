package klog

import (
	"regexp"
	"strings"
	"sync"
)

// Fault is a report of the kernel that something in it went wrong.
type Fault struct {
	Title  string   // the line that names it
	Report []string // the report's lines, the title's included
}

// title matches the lines that name a fault. What is in it must not stand in a
// healthy kernel's log. It is compiled when it is first needed: every test
// binary holds this package, in the guest as well.
var title = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:` + strings.Join(titles, "|") + `)`) })

var titles = []string{
	`Kernel panic - not syncing`,
	`BUG: `,
	`BUG .+ \((?:Not tainted|Tainted)`, // of a slab cache
	`kmem_cache_destroy .*: Slab cache still has objects`,
	`kernel BUG at `,
	`WARNING: (?:CPU: |possible |suspicious |inconsistent |bad unlock|held lock|lock held|at |[^ ]+:\d+ at )`,
	`Oops: `,
	`(?:stack segment|general protection fault|divide error|invalid opcode|double fault)[:, ]`,
	`Unable to handle kernel `,
	`UBSAN: `,
	`KASAN: `,
	`INFO: (?:task .* blocked for more than|rcu_.* (?:self-)?detected |trying to register non-static key)`,
	`rcu: INFO: `,
	`watchdog: BUG: `,
	`NMI watchdog: Watchdog detected hard LOCKUP`,
	`list_(?:add|del) corruption`,
	`refcount_t: `,
	`usercopy: Kernel memory `,
	`Bad page state in process `,
	`unregister_netdevice: waiting for `,
}

// reportLines is how much of the log behind a title belongs to its report, at
// the most: a report names all registers and a call trace.
const reportLines = 80

// end tells whether a line is the last one of most reports.
func end(line string) bool {
	return strings.HasPrefix(line, "---[ end trace") || strings.HasPrefix(line, "---[ end Kernel panic")
}

// Faults returns the faults in records that the kernel itself wrote, in their
// order. A title inside the report of another fault is part of that.
func Faults(records []Record) []Fault {
	var lines []string
	for _, r := range records {
		if r.Facility == 0 {
			lines = append(lines, strings.Split(r.Text, "\n")...)
		}
	}
	return faults(lines)
}

// ConsoleFaults returns the faults in what the kernel printed to its console.
func ConsoleFaults(console string) []Fault {
	var lines []string
	for line := range strings.Lines(console) {
		lines = append(lines, timestamp().ReplaceAllString(strings.TrimRight(line, "\r\n"), ""))
	}
	return faults(lines)
}

// timestamp is what the console prints before a line: the time since boot, and
// on some kernels the task or CPU.
var timestamp = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? `)
})

func faults(lines []string) []Fault {
	var found []Fault
	for i := 0; i < len(lines); i++ {
		if !title().MatchString(lines[i]) {
			continue
		}
		last := i + 1
		for last < len(lines) && last-i < reportLines && !end(lines[last-1]) {
			last++
		}
		found = append(found, Fault{Title: lines[i], Report: lines[i:last]})
		i = last - 1
	}
	return found
}
