// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// forget keeps the kernels, programs and modules that were in the cache before a
// mutant. It removes everything else, such as archives and files built from it.
func TestForgetKeepsEntriesOfNoMutant(t *testing.T) {
	s := suite{cache: t.TempDir()}
	for _, file := range []string{"kernels/6.1", "programs/init", "modules/preset", "initramfs/first"} {
		write(t, filepath.Join(s.cache, file), "built")
	}
	if err := s.keep(); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(s.cache, "modules/mutant"), "built")
	write(t, filepath.Join(s.cache, "initramfs/second"), "built")
	if err := s.forget(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(s.cache, "*/*"))
	if err != nil {
		t.Fatal(err)
	}
	for i, path := range left {
		left[i], err = filepath.Rel(s.cache, path)
		if err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"kernels/6.1", "modules/preset", "programs/init"}; !slices.Equal(left, want) {
		t.Errorf("entries left in the cache: got %q, want %q", left, want)
	}
	if err := os.RemoveAll(filepath.Join(s.cache, modules)); err != nil {
		t.Fatal(err)
	}
	if err := s.forget(); err != nil {
		t.Errorf("forget when nothing was built: got error %v", err)
	}
}
