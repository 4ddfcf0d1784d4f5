//go:build foreign

package foreign

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// native runs go test as root in namespaces of its own, so that the tests do not change the
// host's network and mounts, and leave no process behind. File systems that the guest mounts,
// too, are there if the host's kernel has them.
var native = []string{
	"unshare", "--net", "--mount", "--uts", "--ipc", "--cgroup", "--pid", "--mount-proc", "--fork", "--kill-child", "sh", "-c", `
		ip link set lo up
		mount -t bpf none /sys/fs/bpf
		mount -t debugfs none /sys/kernel/debug
		mount -t tracefs none /sys/kernel/tracing
		exec "$@"`, "sh", "go", "test",
}

func buildKmodtest(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kmodtest")
	if out, err := exec.Command("go", "build", "-o", path, "../../cmd/kmodtest").CombinedOutput(); err != nil {
		t.Fatalf("build kmodtest: %v\n%s", err, out)
	}
	return path
}

// fetch returns a copy of a module's files, from the module proxy.
func fetch(t *testing.T, module, version string) string {
	t.Helper()
	cmd := exec.Command("go", "mod", "download", "-json", module+"@"+version)
	cmd.Dir = t.TempDir() // outside of any module
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go mod download %s@%s: %v\n%s", module, version, err, out)
	}
	var downloaded struct{ Dir string }
	if err := json.Unmarshal(out, &downloaded); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), filepath.Base(module))
	if err := os.CopyFS(dir, os.DirFS(downloaded.Dir)); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(path, 0o755) // directories of the module cache are read-only
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// unchanged checks that a copy of a module has the go.mod and go.sum of its makers.
func unchanged(t *testing.T, dir, module string) {
	t.Helper()
	again := fetch(t, module[:strings.LastIndexByte(module, '@')], module[strings.LastIndexByte(module, '@')+1:])
	for _, name := range []string{"go.mod", "go.sum"} {
		want, err := os.ReadFile(filepath.Join(again, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		got, gotErr := os.ReadFile(filepath.Join(dir, name))
		if err != nil || gotErr != nil || !bytes.Equal(got, want) {
			t.Errorf("the tests ran with another %s than that of %s: %v", name, module, errors.Join(err, gotErr))
		}
	}
}

// packagesOf returns the packages with tests that match the patterns. All that the tests
// import is fetched: on the host they run without a network.
func packagesOf(t *testing.T, dir string, patterns []string) []string {
	t.Helper()
	deps := exec.Command("go", append([]string{"list", "-test", "-deps", "-f", "{{.Dir}}"}, patterns...)...)
	deps.Dir = dir
	if out, err := deps.CombinedOutput(); err != nil {
		t.Fatalf("fetch what the tests of %q import: %v\n%s", patterns, err, out)
	}
	const tested = "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}"
	cmd := exec.Command("go", append([]string{"list", "-f", tested}, patterns...)...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %q: %v", patterns, err)
	}
	return strings.Fields(string(out))
}

// runSuite runs go test, and adds the results. If a test ends its binary, the tests that
// are left run in another.
func runSuite(t *testing.T, results Results, dir string, goTest []string, r run) {
	t.Helper()
	goTest = append(slices.Clone(goTest), "-json", "-count=1")
	got := goTestJSON(t, dir, slices.Concat(goTest, r.packages, r.flags))
	if len(got) == 0 {
		t.Fatalf("%q: no test ran", r.packages)
	}
	for {
		again := got.Settle()
		before := len(results)
		maps.Copy(results, got)
		if len(again) == 0 {
			return
		}
		if len(results) == before {
			t.Fatalf("tests of %q end early, again and again", again)
		}
		got = Results{}
		for _, pkg := range again {
			maps.Copy(got, goTestJSON(t, dir, slices.Concat(goTest, []string{"-skip=" + results.Ended(pkg), pkg}, r.flags)))
		}
	}
}

// goTestJSON returns the results that a command prints.
func goTestJSON(t *testing.T, dir string, command []string) Results {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	t.Logf("%q: %v, %.0f s\n%s", command, err, time.Since(began).Seconds(), stderr.String())
	if *keptFiles != "" {
		name := fmt.Sprintf("%s-%s-%d.json", filepath.Base(dir), filepath.Base(command[0]), began.Unix())
		if err := os.WriteFile(filepath.Join(*keptFiles, name), stdout.Bytes(), 0o644); err != nil {
			t.Error(err)
		}
	}
	results, err := Read(&stdout)
	if err != nil {
		t.Fatalf("%q: %v\n%s", command, err, stderr.String())
	}
	return results
}
