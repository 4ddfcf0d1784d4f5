package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/images"
	"github.com/kmodtest/kmodtest/images/arch"
)

// emptyCache makes the commands use an empty cache, and a module with a table of one kernel. It returns the directory of the
// cache.
func emptyCache(t *testing.T) string {
	t.Helper()
	cache, project := t.TempDir(), t.TempDir()
	table := "[[kernel]]\nname = 'mine'\n[kernel.source]\nurl = 'http://localhost:1/linux.tar'\nsha256 = '" +
		strings.Repeat("0", 64) + "'\nfragments = ['base.config']\n"
	for name, text := range map[string]string{"go.mod": "module example.com/mine\n", "kernels.toml": table} {
		if err := os.WriteFile(filepath.Join(project, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(project)
	t.Setenv("XDG_CACHE_HOME", cache)
	return filepath.Join(cache, "kmodtest")
}

// put makes a cache entry like that of a kernel that was built.
func put(t *testing.T, cache, key string) string {
	t.Helper()
	entry := filepath.Join(cache, "kernels", key)
	if err := os.MkdirAll(entry, 0o755); err != nil {
		t.Fatal(err)
	}
	record := `{"release": "9.9.0-mine", "version": "0123", "build": "build", "source": "linux-source-9.9", "objects": 7}`
	if err := os.WriteFile(filepath.Join(entry, "kernel.json"), []byte(record), 0o644); err != nil {
		t.Fatal(err)
	}
	return entry
}

func list(t *testing.T) map[string]listed {
	t.Helper()
	stdout, stderr, status := run(t, "kernel", "list", "--json")
	if stderr != "" || status != 0 {
		t.Fatalf("exit status %d, on stderr %q", status, stderr)
	}
	var all []listed
	if err := json.Unmarshal([]byte(stdout), &all); err != nil {
		t.Fatal(err)
	}
	byName := map[string]listed{}
	for _, k := range all {
		byName[k.Name] = k
	}
	return byName
}

func TestListShowsNameReleaseSourceStateAndSize(t *testing.T) {
	cache := emptyCache(t)
	if got := list(t)["mine"]; got.State != "absent" || got.Source != "source, http://localhost:1/linux.tar" || !got.Built || got.Key == "" {
		t.Errorf("before it is built: %+v", got)
	}
	put(t, cache, list(t)["mine"].Key)
	got := list(t)["mine"]
	if got.State != "ready" || got.Release != "9.9.0-mine" || got.Version != "0123" || got.Source != "source, linux-source-9.9" || got.Objects != 7 || got.Size == 0 {
		t.Errorf("when it is built: %+v", got)
	}
	stdout, _, _ := run(t, "kernel", "list")
	lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
	here := kernelsFor(arch.Host().Name)
	if len(lines) != 1+len(here)+1 {
		t.Fatalf("%d lines:\n%s", len(lines), stdout)
	}
	if got := strings.Fields(lines[0]); strings.Join(got, " ") != "NAME RELEASE SOURCE STATE SIZE" {
		t.Errorf("got %q first", got)
	}
	if got := strings.Join(strings.Fields(lines[len(lines)-1]), " "); got != "mine 9.9.0-mine source, linux-source-9.9 0123 ready 1 MB" {
		t.Errorf("got %q last", got)
	}
	for i, row := range here {
		if marked := strings.HasPrefix(lines[1+i], row.Name+" *"); marked != row.Default {
			t.Errorf("line %q: marked as the default: %t, want %t", lines[1+i], marked, row.Default)
		}
	}
}

// kernelsFor returns the rows of kmodtest's own table for an architecture.
func kernelsFor(goarch string) []images.Row {
	return slices.DeleteFunc(images.Rows(), func(r images.Row) bool { return r.Arch != goarch })
}

func TestListNamesKernelsOfAnArchitecture(t *testing.T) {
	emptyCache(t)
	far := "arm64"
	if far == arch.Host().Name {
		far = "amd64"
	}
	var want []string
	for _, row := range kernelsFor(far) {
		want = append(want, row.Name)
		if !strings.HasSuffix(row.Name, "@"+far) {
			t.Errorf("the name is %s", row.Name)
		}
	}
	if stdout, stderr, _ := run(t, "kernel", "list", "--names", "--arch", far); stdout != strings.Join(want, "\n")+"\n" {
		t.Errorf("got %q, on stderr %q, want %q", stdout, stderr, want)
	}
	all, _, _ := run(t, "kernel", "list", "--names", "--arch", "*")
	if got := strings.Count(all, "\n"); got != len(images.Rows())+1 {
		t.Errorf("for all architectures there are %d names:\n%s", got, all)
	}
}

func TestListNamesKernelsOfAKind(t *testing.T) {
	emptyCache(t)
	var prebuilt, built []string
	for _, row := range kernelsFor(arch.Host().Name) {
		switch {
		case row.Extra:
		case row.Source == nil:
			prebuilt = append(prebuilt, row.Name)
		default:
			built = append(built, row.Name)
		}
	}
	built = append(built, "mine")
	for kind, want := range map[string][]string{"--prebuilt": prebuilt, "--built": built} {
		if stdout, stderr, _ := run(t, "kernel", "list", "--names", kind); stdout != strings.Join(want, "\n")+"\n" {
			t.Errorf("%s: got %q, on stderr %q, want %q", kind, stdout, stderr, want)
		}
	}
}

func TestRemoveDeletesKernel(t *testing.T) {
	cache := emptyCache(t)
	entry := put(t, cache, list(t)["mine"].Key)
	stdout, stderr, status := run(t, "kernel", "rm", "mine")
	if !strings.HasPrefix(stdout, "mine: removed, ") || status != 0 {
		t.Errorf("got %q, on stderr %q", stdout, stderr)
	}
	if _, err := os.Stat(entry); !os.IsNotExist(err) {
		t.Errorf("the cache entry still exists: %v", err)
	}
	if stdout, _, status := run(t, "kernel", "rm", "mine"); stdout != "mine: was not in the cache\n" || status != 0 {
		t.Errorf("the second time %q", stdout)
	}
}

func TestBuildContinuesAfterFailure(t *testing.T) {
	cache := emptyCache(t)
	table := "[[kernel]]\nname = 'mine'\n[kernel.source]\nurl = 'http://localhost:1/linux.tar'\nsha256 = '" + strings.Repeat("0", 64) +
		"'\nfragments = ['base.config']\n"
	if err := os.WriteFile("kernels.toml", []byte(strings.Replace(table, "mine", "mine-broken", 1)+table), 0o644); err != nil {
		t.Fatal(err)
	}
	put(t, cache, list(t)["mine"].Key)
	stdout, stderr, status := run(t, "kernel", "build", "mine,mine-*")
	if stdout != "mine is Linux 9.9.0-mine\n" || !strings.Contains(stderr, "build kernel mine-broken: ") || status != 1 {
		t.Errorf("got %q, on stderr %q, exit status %d", stdout, stderr, status)
	}
}

func TestCollectRemovesUnusedEntries(t *testing.T) {
	cache := emptyCache(t)
	needed := put(t, cache, list(t)["mine"].Key)
	changed := put(t, cache, "mine-0123456789abcdef")
	half := filepath.Join(cache, "kernels", "mine-0123456789abcdef.tmp-1")
	sources, unused, used := filepath.Join(cache, "sources", "unnamed"), filepath.Join(cache, "modules", "unused"), filepath.Join(cache, "modules", "used")
	for _, dir := range []string{half, sources, unused, used} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-15 * 24 * time.Hour)
	if err := os.Chtimes(unused, old, old); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, status := run(t, "kernel", "gc")
	if status != 0 || !strings.Contains(stdout, "removed 4 entries, ") {
		t.Errorf("got %q, on stderr %q", stdout, stderr)
	}
	for dir, want := range map[string]bool{needed: true, used: true, changed: false, half: false, sources: false, unused: false} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s exists: %t, want %t", dir, err == nil, want)
		}
	}
}

func TestBuildErrorNamesCause(t *testing.T) {
	emptyCache(t)
	stdout, stderr, status := run(t, "kernel", "build", "mine")
	if stdout != "" || status != 1 || !strings.Contains(stderr, "kmodtest: build kernel mine: fetch sources: ") || !strings.Contains(stderr, "localhost:1") {
		t.Errorf("got %q, on stderr %q", stdout, stderr)
	}
}
