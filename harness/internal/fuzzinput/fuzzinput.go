// Package fuzzinput keeps the inputs of fuzz targets that a machine was trying when it died.
package fuzzinput

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/machine"
	"github.com/kmodtest/kmodtest/harness/internal/resultfile"
)

// Keep writes inputs of a machine that died to the corpora below dir: the
// inputs that its workers were trying or, if no worker was trying one, the last
// ones. It returns lines for the user.
func Keep(dir string, inputs []machine.FuzzInput) string {
	running := map[string]bool{} // targets
	for _, in := range inputs {
		running[in.Target] = running[in.Target] || in.Running
	}
	inputs = slices.DeleteFunc(inputs, func(in machine.FuzzInput) bool { return running[in.Target] && !in.Running })
	var b strings.Builder
	for _, in := range inputs {
		which := "the input that was being tried"
		if !in.Running {
			which = "the last input before the kernel died, which may not be the cause,"
		}
		if name, err := keepInput(dir, in.Target, in.Input); err != nil {
			fmt.Fprintf(&b, "%s is lost: %v\n", which, err)
		} else {
			fmt.Fprintf(&b, "%s is kept: testdata/fuzz/%s\ntry it again: go test -run=%s\n", which, name, name)
		}
	}
	return b.String()
}

// targetName is the name of a fuzz target.
var targetName = regexp.MustCompile(`^Fuzz[\pL\pN_]*$`)

// keepInput writes an input to the corpus of its target, which is below dir, and
// returns its name there, as -test.run takes it.
func keepInput(dir, target string, in inside.Input) (string, error) {
	switch {
	case !in.Whole:
		return "", fmt.Errorf("the input has more than %d bytes", inside.InputRoom)
	// The name comes from the guest, which must choose neither another place nor
	// another command for the user to try. A long one is cut off.
	case !targetName.MatchString(target):
		return "", fmt.Errorf("%q is not the name of a fuzz target, or the name is too long", target)
	}
	name := fmt.Sprintf("%s/%x", target, sha256.Sum256([]byte(in.Text)))[:len(target)+1+16]
	f, err := resultfile.Below(dir, name, true)
	if errors.Is(err, fs.ErrExist) {
		return name, nil // with the same content, by its name
	}
	if err != nil {
		return "", err
	}
	if _, err := f.Write([]byte(in.Text)); err != nil {
		f.Discard()
		return "", err
	}
	return name, f.Commit()
}
