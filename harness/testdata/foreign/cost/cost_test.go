// Package cost has a test that reads many files of the host, and one that reads none.
package cost

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The time that reading all files below FOREIGN_MANY takes is printed for the first time,
// and for the second.
func TestReadsMany(t *testing.T) {
	for i := 0; i < 2; i++ {
		began, files, size := time.Now(), 0, 0
		err := filepath.WalkDir(os.Getenv("FOREIGN_MANY"), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(name)
			files, size = files+1, size+len(b)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("files %d bytes %d seconds %.3f", files, size, time.Since(began).Seconds())
	}
}

func TestReadsNone(*testing.T) {}
