package kernelbuild

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// Compile builds the kernel and its modules. It calls report whenever make lists an object file, with their number so far.
func (t *Tree) Compile(ctx context.Context, report func(objects int)) error {
	return t.make(ctx, &objectCounter{report: report}, "vmlinux", "modules")
}

// objectCounter counts the objects in make's output: "  CC      kernel/fork.o".
type objectCounter struct {
	report func(count int)
	count  int
	rest   []byte // an incomplete line
}

func (c *objectCounter) Write(p []byte) (int, error) {
	c.rest = append(c.rest, p...)
	for {
		line, rest, ok := bytes.Cut(c.rest, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		if bytes.HasPrefix(line, []byte("  ")) && bytes.HasSuffix(line, []byte(".o")) {
			c.count++
			c.report(c.count)
		}
		c.rest = rest
	}
}

// Objects returns the number of files that find DIR -name '*.o' lists.
func (t *Tree) Objects() (int, error) {
	n := 0
	err := filepath.WalkDir(t.Dir, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(entry.Name(), ".o") {
			n++
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count objects: %w", err)
	}
	return n, nil
}
