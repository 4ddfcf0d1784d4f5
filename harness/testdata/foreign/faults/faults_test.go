// Package faults has tests without any code of kmodtest that break the kernel, between
// others that do not.
package faults

import (
	"os"
	"testing"
)

func breakKernel(way string) {
	if err := os.WriteFile("/proc/crash", []byte(way), 0); err != nil {
		panic(err)
	}
}

func TestBefore(*testing.T) {}

func TestWarns(*testing.T) { breakKernel("warn") }

func TestBetween(*testing.T) {}

func TestKills(*testing.T) { breakKernel("panic") }

func TestAfter(*testing.T) {}
