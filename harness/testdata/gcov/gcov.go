// Package gcov prints, in a guest, what the kernel's own gcov has counted. A test on the host compares it with the
// coverage that the harness measures.
package gcov

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/modprobe"
)

// directory has a file for each object with counters. The files stay when a module is
// unloaded, with the sum of all its loads.
const directory = "/sys/kernel/debug/gcov"

// runtime is the module that keeps the harness's counters. It cannot be unloaded.
const runtime = "kmodtest_coverage"

// Mark begins each line that Print prints. Then come the name of an object's .gcda file,
// and its content in base64.
const Mark = "counters of the kernel: "

// Print unloads the modules under test, and prints the counters that the kernel has of
// them. The modules stay unloaded: what they count later would be missing.
func Print(t *testing.T) {
	modules, err := filepath.Glob("/lib/modules/*/extra/*.ko")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range modules {
		if name := strings.TrimSuffix(filepath.Base(path), ".ko"); name != runtime {
			unload(t, name)
		}
	}
	err = filepath.WalkDir(directory, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".gcda" {
			return err
		}
		content, err := os.ReadFile(path)
		if err == nil {
			fmt.Printf("%s%s %s\n", Mark, filepath.Base(path), base64.StdEncoding.EncodeToString(content))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// unload unloads a module after those that use it.
func unload(t *testing.T, name string) {
	t.Helper()
	for _, holder := range modprobe.Holders(name) {
		unload(t, holder)
	}
	if err := modprobe.Unload(name, modprobe.Patience); err != nil && !errors.Is(err, unix.ENOENT) {
		t.Fatalf("unload module %s: %v", name, err)
	}
}
