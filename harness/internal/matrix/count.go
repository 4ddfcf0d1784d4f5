package matrix

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/request"
)

// countingTime is how long a test binary may take to tell its tests.
const countingTime = 20 * time.Second

// choosing are the flags that decide which tests run, and how often.
var choosing = []string{"test.run", "test.skip", "test.count", "test.cpu", "test.short"}

// countTests asks a test binary, on the host, how many top-level tests it would
// run. It is 0 if the binary does not say: then a run's progress is not known,
// and nothing else is lost.
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
	cmd.ExtraFiles = []*os.File{w} // is request.PlanFile there
	setOwnGroup(cmd)
	err = cmd.Start()
	w.Close()
	if err != nil {
		return 0
	}
	_ = r.SetReadDeadline(time.Now().Add(countingTime)) // a pipe has deadlines
	n := -1                                             // what comes first is no test
	var value json.RawMessage
	for decoder := json.NewDecoder(r); decoder.Decode(&value) == nil; {
		n++
	}
	if cmd.Wait() != nil {
		return 0
	}
	return max(n, 0)
}

// choosingFlags are those of the arguments that decide which tests run.
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
