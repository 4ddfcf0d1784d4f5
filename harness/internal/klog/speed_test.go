package klog

import (
	"path/filepath"
	"strings"
	"testing"
)

// big returns some 50 MB of the logs of a pattern, one after the other.
func big(b *testing.B, pattern string) string {
	b.Helper()
	var all []string
	for _, path := range logs(b, pattern) {
		all = append(all, content(b, path))
	}
	one := strings.Join(all, "")
	return strings.Repeat(one, 50<<20/len(one)+1)
}

func BenchmarkConsoleFaults(b *testing.B) {
	for name, log := range map[string]string{
		"clean":  big(b, "clean/*.log"),
		"faults": big(b, filepath.Join("[5-9]*", "*.log")),
		"heads":  strings.Repeat("[    1.234567] BUG: another one in f+0x1/0x2\n", 1<<20),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(log)))
			for b.Loop() {
				ConsoleFaults(log)
			}
		})
	}
}
