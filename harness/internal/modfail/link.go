package modfail

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// Tools are the programs that build modules.
type Tools struct {
	Compiler, Objcopy, Linker string
	Wrap                      func(*exec.Cmd) // changes a command before it runs
}

// layout has the structures of the runtime that are in a module.
//
//go:embed runtime/fail.h
var layout string

// CompilerFlags returns the flags with which modules are compiled: each call returns to
// the line that makes it. They change with what Link adds to a module.
func CompilerFlags() string {
	version := sha256.Sum256([]byte(functionsText + code + site + layout))
	return fmt.Sprintf("-fno-optimize-sibling-calls -DKMODTEST_CALLS=0x%x", version[:8])
}

// Link adds to the module at the path ko the code that sends its calls to the runtime.
func Link(ctx context.Context, tools Tools, ko string) error {
	if err := link(ctx, tools, ko); err != nil {
		return fmt.Errorf("make calls of module %s fail: %w", filepath.Base(ko), err)
	}
	return nil
}

func link(ctx context.Context, tools Tools, ko string) error {
	known, err := functions()
	if err != nil {
		return err
	}
	m, err := readModule(ko, known)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(filepath.Dir(ko), "calls-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	const source, object, changed, linked = "calls.s", "calls.o", "module.o", "linked.ko"
	if err := os.WriteFile(filepath.Join(scratch, source), []byte(m.assembly(classesOf(known))), 0o600); err != nil {
		return err
	}
	objcopy := []string{tools.Objcopy}
	for _, f := range m.functions {
		objcopy = append(objcopy, "--redefine-sym", f.symbol+"="+callPrefix+f.symbol)
	}
	for i, section := range m.sections {
		objcopy = append(objcopy, "--add-symbol", fmt.Sprintf("%s%d=%s:0,global", sectionPrefix, i, section))
	}
	for _, command := range [][]string{
		{tools.Compiler, "-c", "-o", object, source},
		append(objcopy, ko, changed),
		{tools.Linker, "-r", "-o", linked, changed, object},
	} {
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Dir = scratch
		tools.Wrap(cmd)
		if said, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", command[0], err, said)
		}
	}
	return os.Rename(filepath.Join(scratch, linked), ko)
}

// classesOf returns the names of all classes. The index of a class is its number, the
// same in all modules.
func classesOf(known map[string]function) []string {
	classes := map[string]bool{}
	for _, f := range known {
		if f.class != "" {
			classes[f.class] = true
		}
	}
	return slices.Sorted(maps.Keys(classes))
}
