package main

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
)

// What PID 1 imports is unpacked and initialized in each boot, and is in the guest's memory.
func TestImportsNothingOfHost(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", ".")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	imported := strings.Fields(string(out))
	if len(imported) < 50 {
		t.Fatalf("imports %q: too few to be all", imported)
	}
	for _, pkg := range imported {
		for _, host := range []string{
			"github.com/kmodtest/kmodtest/images", "github.com/kmodtest/kmodtest/harness/internal/hostfs", "github.com/kmodtest/kmodtest/harness/internal/klog",
			"net/http", "crypto/", "compress/", "debug/", "encoding/json", "github.com/klauspost/", "github.com/u-root/",
		} {
			if strings.HasPrefix(pkg, host) {
				t.Errorf("PID 1 imports %s", pkg)
			}
		}
	}
}
