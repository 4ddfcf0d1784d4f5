package kept

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kmodtest/kmodtest/harness"
)

func TestMain(m *testing.M) {
	harness.Main(m, harness.Config{Keep: []string{"/run/kept/*.txt:" + os.Getenv("KEPT_DIRECTORY")}})
}

func TestWrites(t *testing.T) {
	if err := os.Mkdir("/run/kept", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.txt", "b.log"} {
		if err := os.WriteFile(filepath.Join("/run/kept", name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
