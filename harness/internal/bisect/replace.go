package bisect

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// pinReplacements makes the paths of replace directives absolute that leave the
// repository: in a work tree elsewhere, the relative path would name another directory.
// top and to are the two work trees; module is the directory of go.mod in both.
func pinReplacements(ctx context.Context, top, to, module string) error {
	dir := filepath.Join(to, module)
	if !isRegular(filepath.Join(dir, "go.mod")) {
		return nil // the go command explains it
	}
	var file struct {
		Replace []struct {
			Old, New struct{ Path, Version string }
		}
	}
	out, err := goModEdit(ctx, dir, "-json")
	if err != nil {
		return nil //nolint:nilerr // the go command explains it when it compiles the tests
	}
	if err := json.Unmarshal(out, &file); err != nil {
		return fmt.Errorf("read the output of go mod edit: %w", err)
	}
	var edits []string
	for _, r := range file.Replace {
		local := filepath.Join(module, filepath.FromSlash(r.New.Path))
		if !strings.HasPrefix(r.New.Path, ".") || filepath.IsLocal(local) {
			continue // a version of a module, an absolute path, or a directory of the repository
		}
		old := r.Old.Path
		if r.Old.Version != "" {
			old += "@" + r.Old.Version
		}
		edits = append(edits, "-replace="+old+"="+filepath.Join(top, local))
	}
	if len(edits) == 0 {
		return nil
	}
	_, err = goModEdit(ctx, dir, edits...)
	return err
}

// isRegular reports whether a file exists that is neither a symbolic link nor a directory.
func isRegular(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular()
}

func goModEdit(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"mod", "edit"}, args...)...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go mod edit: %w\n%s", err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}
