package guestrun

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/gobuild"
)

// SourceVariable is the environment variable with the directory of kmodtest's own
// sources, for a program that cannot find them.
const SourceVariable = "KMODTEST_SOURCE"

// project is this module.
const project = "github.com/kmodtest/kmodtest"

// FindSource returns the directory of this project's sources, from which the programs of
// a run are built. The user's module need not require the project: the directory is that
// in KMODTEST_SOURCE, or the one that this program was built from, or its version in the
// module cache.
func FindSource(ctx context.Context) (string, error) {
	if dir := os.Getenv(SourceVariable); dir != "" {
		if !gobuild.IsProject(dir) {
			return "", fmt.Errorf("%s is %q, which is not a directory with the sources of %s", SourceVariable, dir, project)
		}
		return filepath.Abs(dir)
	}
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		if dir := filepath.Join(filepath.Dir(file), "../../.."); gobuild.IsProject(dir) {
			return dir, nil
		}
	}
	dir, err := download(ctx)
	if err != nil {
		return "", fmt.Errorf("find the sources of kmodtest, from which the programs of a run are built (%s can name their directory): %w", SourceVariable, err)
	}
	return dir, nil
}

// download returns the directory of this program's version in the module cache, and
// fetches it if it is not there.
func download(ctx context.Context) (string, error) {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Path != project || info.Main.Version == "" || info.Main.Version == "(devel)" || strings.Contains(info.Main.Version, "+dirty") {
		return "", errors.New("this program was built from a directory that does not exist any more")
	}
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", project+"@"+info.Main.Version)
	cmd.Dir, cmd.Env = os.TempDir(), append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var module struct{ Dir, Error string }
	if decodeErr := json.Unmarshal(out, &module); err != nil || decodeErr != nil || module.Dir == "" {
		return "", fmt.Errorf("go mod download %s@%s: %w\n%s%s", project, info.Main.Version, errors.Join(err, decodeErr), &stderr, module.Error)
	}
	return module.Dir, nil
}
