package matrix

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/request"
)

// countingTime is how long a test binary may take to list its tests.
const countingTime = 20 * time.Second

// countingLimit is how many bytes of such a list are read.
const countingLimit = 16 << 20

// choosing has the flags that decide which tests run, and how often.
var choosing = []string{"test.run", "test.skip", "test.count", "test.cpu", "test.short"}

// countTests runs a test binary on the host, where it lists its tests without
// running them, and returns how many top-level tests there are. It returns 0 if
// the binary does not list them: then only the progress of a run is unknown.
func countTests(ctx context.Context, binary, dir string, args []string) int {
	ctx, cancel := context.WithTimeout(ctx, countingTime)
	defer cancel()
	r, w, err := os.Pipe()
	if err != nil {
		return 0
	}
	defer r.Close()
	cmd := exec.CommandContext(ctx, binary, choosingFlags(args)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), request.PlanVariable+"=1")
	cmd.ExtraFiles = []*os.File{w} // becomes request.PlanFile
	setOwnGroup(cmd)
	err = cmd.Start()
	w.Close()
	if err != nil {
		return 0
	}
	_ = r.SetReadDeadline(time.Now().Add(countingTime)) // a pipe has deadlines
	n := -1                                             // the first value is not a test
	var value json.RawMessage
	for decoder := json.NewDecoder(io.LimitReader(r, countingLimit)); decoder.Decode(&value) == nil; {
		n++
	}
	if cmd.Wait() != nil {
		return 0
	}
	return max(n, 0)
}

// choosingFlags returns the arguments that decide which tests run.
func choosingFlags(args []string) []string {
	var flags []string
	for i, arg := range args {
		name, _, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if !strings.HasPrefix(arg, "-") || !slices.Contains(choosing, name) {
			continue
		}
		flags = append(flags, arg)
		if !hasValue && name != "test.short" && i+1 < len(args) {
			flags = append(flags, args[i+1])
		}
	}
	return flags
}
