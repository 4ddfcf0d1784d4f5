package images

import (
	"context"
	"os"
	"strconv"
	"strings"
)

// someObjects is the expected number of objects of a kernel that was not built before and whose row
// has no number.
const someObjects = 1000

// compile builds the kernel and its modules, and returns the number of object files in the tree.
func (b *build) compile(ctx context.Context) (int, error) {
	listed, expected := 0, b.expectedObjects()
	move := b.show.Part(6, 99)
	err := b.tree.Compile(ctx, func(n int) {
		listed = n
		move(100 * float64(n) / float64(expected))
		b.show.Count(n, expected, "objects")
	})
	if err != nil {
		return 0, err
	}
	objects, err := b.tree.Objects()
	if err != nil {
		return 0, err
	}
	return objects, os.WriteFile(b.objectsPath(), []byte(strconv.Itoa(listed)+"\n"), 0o644)
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
