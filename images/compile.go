package images

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// someObjects is the expected number of objects of a kernel that was not built before and whose row
// has no number.
const someObjects = 1000

// compile builds the kernel and its modules, and returns the number of object files in the tree.
func (b *build) compile(ctx context.Context, runner *makeRun) (int, error) {
	expected := b.expectedObjects()
	move := b.show.Part(6, 99)
	watch := &objectCounter{report: func(n int) {
		move(100 * float64(n) / float64(expected))
		b.show.Count(n, expected, "objects")
	}}
	if err := runner.run(ctx, watch, "vmlinux", "modules"); err != nil {
		return 0, err
	}
	objects, err := countObjects(b.tree)
	if err != nil {
		return 0, err
	}
	return objects, os.WriteFile(b.objectsPath(), []byte(strconv.Itoa(watch.count)+"\n"), 0o644)
}

// objectsPath is the path of a file with the number of objects that make listed in the last build of
// this row.
func (b *build) objectsPath() string {
	return strings.TrimSuffix(logPath(b.opt, b.row.Name), ".log") + ".objects"
}

func (b *build) expectedObjects() int {
	if text, err := os.ReadFile(b.objectsPath()); err == nil {
		if n, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && n > 0 {
			return n
		}
	}
	if b.row.Source.Objects > 0 {
		return b.row.Source.Objects
	}
	return someObjects
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

// countObjects returns the number of files that find TREE -name '*.o' lists.
func countObjects(tree string) (int, error) {
	n := 0
	err := filepath.WalkDir(tree, func(_ string, entry fs.DirEntry, err error) error {
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

// byteCounter reports the number of bytes written so far.
type byteCounter struct {
	report func(int64)
	n      int64
}

func (c *byteCounter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	c.report(c.n)
	return len(p), nil
}
