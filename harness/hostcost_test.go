//go:build speed

package harness_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"
)

// TestFilesOfHostCostLittle prints what reading 10,000 files of the host costs in the guest,
// and how long runs take that read none. Nothing else should run meanwhile.
func TestFilesOfHostCostLittle(t *testing.T) {
	const most = 2 * time.Millisecond                                // for each file
	many, err := os.MkdirTemp("testdata/foreign/cost", "many-*.tmp") //nolint:usetesting // the guest has a /tmp of its own
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(many) })
	files, size := 0, 0
	for i := range 100 {
		dir := filepath.Join(many, fmt.Sprint(i))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for j := range 100 {
			text := slices.Repeat([]byte{'x'}, i*j)
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(j)), text, 0o600); err != nil {
				t.Fatal(err)
			}
			files, size = files+1, size+len(text)
		}
	}
	many, err = filepath.Abs(many)
	if err != nil {
		t.Fatal(err)
	}
	pattern := regexp.MustCompile(fmt.Sprintf(`files %d bytes %d seconds (\S+)`, files, size))
	for _, restored := range []bool{false, true} {
		out, status := foreign(t, []string{"FOREIGN_MANY=" + many}, "test", "-count=1", "-v", "-run=TestReadsMany", "./cost")
		read := pattern.FindAllStringSubmatch(out, -1)
		if status != 0 || len(read) != 2 {
			t.Fatalf("status %d\n%s", status, out)
		}
		for i, name := range []string{"for the first time", "again"} {
			took, err := time.ParseDuration(read[i][1] + "s")
			if err != nil {
				t.Fatal(err)
			}
			each := took / time.Duration(files)
			t.Logf("restored %t: %d files of %d bytes, %s: %.1f s, %.2f ms each", restored, files, size, name, took.Seconds(), each.Seconds()*1000)
			if each > most {
				t.Errorf("more than %v each", most)
			}
		}
	}
	for _, rest := range runsThatReadNone(t) {
		t.Log(rest)
	}
}

// runsThatReadNone returns lines about the median times of runs that read no file, with
// and without the host's files.
func runsThatReadNone(t *testing.T) (lines []string) {
	t.Helper()
	took := map[string][]time.Duration{}
	modes := []string{"none", "module", "all"}
	for round := range 8 {
		for _, mode := range modes {
			began := time.Now()
			out, status := foreign(t, nil, "test", "--host="+mode, "-count=1", "-run=TestReadsNone", "./cost")
			if status != 0 {
				t.Fatalf("status %d\n%s", status, out)
			}
			if round > 0 { // the first one makes the snapshot
				took[mode] = append(took[mode], time.Since(began))
			}
		}
	}
	for _, mode := range modes {
		slices.Sort(took[mode])
		middle := len(took[mode]) / 2
		lines = append(lines, fmt.Sprintf("run that reads none, --host=%s: median %.2f s, from %.2f to %.2f", mode,
			took[mode][middle].Seconds(), took[mode][0].Seconds(), took[mode][len(took[mode])-1].Seconds()))
	}
	return lines
}
