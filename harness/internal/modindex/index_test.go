package modindex

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
	"github.com/kmodtest/kmodtest/images"
)

// lists are the lists of a small kernel.
var lists = map[string]string{
	"modules.dep": "kernel/a.ko:\nkernel/net/b-x.ko: kernel/a.ko\nkernel/c.ko: kernel/net/b-x.ko kernel/a.ko\n" +
		"kernel/soft.ko: kernel/c.ko\nkernel/after.ko:\nkernel/loop1.ko: kernel/loop2.ko\nkernel/loop2.ko: kernel/loop1.ko\nkernel/outside.ko:\n",
	"modules.alias": "# comment\nalias net-pf-38 c\nalias crypto-x c\nalias crypto-x a\nalias pci:v*d0000[1-3]sv* a\nalias gone nothing\n" +
		"alias soft-* soft\nalias want after\n",
	"modules.softdep":         "softdep soft pre: a want absent post: loop1\nsoftdep a gone without colon\nsoftdep after pre: soft\n",
	"modules.symbols":         "alias symbol:exported a\n",
	"modules.builtin":         "kernel/fs/built-in.ko\n",
	"modules.builtin.modinfo": "built_in.alias=fs-*\x00built_in.license=GPL\x00",
	"modules.devname":         "# comment\ntun net/tun c10:200\nloop loop-control c10:237\nbad ../x c1:1\nbad /x c1:1\nbad y d1:1\nmd md0 b9:0\n",
}

// newIndex returns the index of that kernel.
func newIndex(t *testing.T) *Index {
	t.Helper()
	dir := t.TempDir()
	for name, text := range lists {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a.ko", "net/b-x.ko"} {
		path := filepath.Join(dir, "kernel", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return New(&images.Kernel{Modules: dir, Release: "6.1"}, nil)
}

// describe returns the names of files, each with the sign of its role.
func describe(files []File) string {
	var words []string
	for _, f := range files {
		words = append(words, f.Name+map[wire.Role]string{wire.Soft: "?", wire.Dependency: "", wire.Target: "!"}[f.Role])
	}
	return strings.Join(words, " ")
}

// Names are texts of any content: they are compared with the lists, and are never a
// path.
func TestNamesAreResolved(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	for _, c := range []struct {
		name, loaded string
		want         string
		found        wire.Found
	}{
		{"a", "", "a!", wire.FoundModules},
		{"c", "", "a b_x c!", wire.FoundModules},
		{"b_x", "", "a b_x!", wire.FoundModules},
		{"b-x", "a", "b_x!", wire.FoundModules},
		{"c", "c", "", wire.FoundModules},
		{"net-pf-38", "a b_x", "c!", wire.FoundModules},
		{"net_pf_38", "", "a b_x c!", wire.FoundModules},
		{"crypto-x", "", "a! b_x c!", wire.FoundModules},
		{"pci:v1/2d00002sv3", "", "a!", wire.FoundModules},
		{"pci:v1d00004sv3", "", "", wire.FoundNothing},
		{"symbol:exported", "", "a!", wire.FoundModules},
		{"symbol:other", "", "", wire.FoundNothing},
		{"soft", "", "a after? b_x c soft! loop2? loop1?", wire.FoundModules},
		{"soft", "soft", "", wire.FoundModules},
		{"loop1", "", "loop2 loop1!", wire.FoundModules},
		{"gone", "", "", wire.FoundNothing},
		{"built_in", "", "", wire.FoundBuiltin},
		{"fs-x", "", "", wire.FoundBuiltin},
		{"", "", "", wire.FoundNothing},
		{"*", "", "", wire.FoundNothing},
		{"[", "", "", wire.FoundNothing},
		{"../../etc/passwd", "", "", wire.FoundNothing},
		{"kernel/a.ko", "", "", wire.FoundNothing},
		{"a\x1b[2J\n", "", "", wire.FoundNothing},
		{strings.Repeat("*a", 500), "", "", wire.FoundNothing},
	} {
		files, found, err := x.Find(c.name, func(module string) bool { return slices.Contains(strings.Fields(c.loaded), module) })
		if got := describe(files); got != c.want || found != c.found || err != nil {
			t.Errorf("%.100q with %q loaded: %q (%d, %v), want %q (%d)", c.name, c.loaded, got, found, err, c.want, c.found)
		}
	}
	if _, found, err := (*Index)(nil).Find("a", nil); found != wire.FoundNothing || err != nil {
		t.Errorf("without an index: %d, %v", found, err)
	}
}

func TestClosureHasPatterns(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	for _, c := range []struct{ patterns, want string }{
		{"b-x", "a b_x!"},
		{"[ab]*", "a! after! b_x!"}, // and built_in, which has no file
		{"built-in", ""},
		{"", ""},
	} {
		files, err := x.Closure(strings.Fields(c.patterns))
		if got := describe(files); got != c.want || err != nil {
			t.Errorf("%s: %q, %v, want %q", c.patterns, got, err, c.want)
		}
	}
	var missing *MissingModuleError
	if _, err := x.Closure([]string{"a", "absent*"}); !errors.As(err, &missing) || missing.Name != "absent*" {
		t.Errorf("a pattern without a module: %v", err)
	}
	if _, err := x.Closure([]string{"["}); err == nil || errors.As(err, &missing) {
		t.Errorf("an invalid pattern: %v", err)
	}
	known, err := x.Known([]string{"a", "built-in", "absent", "so*"})
	if want := []string{"a", "built-in", "so*"}; !slices.Equal(known, want) || err != nil {
		t.Errorf("known %q, %v, want %q", known, err, want)
	}
}

// Only files in the kernel's directory are read, whatever the lists or links say.
func TestFilesAreReadBelowTheKernelsDirectory(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	outside := filepath.Join(t.TempDir(), "secret.ko")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(x.dir, "kernel", "outside.ko")); err != nil {
		t.Fatal(err)
	}
	if b, err := x.Read(File{Name: "b_x", Path: "kernel/net/b-x.ko"}); err != nil || string(b) != "net/b-x.ko" {
		t.Errorf("read b_x: %q, %v", b, err)
	}
	for _, path := range []string{"kernel/outside.ko", outside, "../" + filepath.Base(x.dir) + "/../x", "kernel/absent.ko"} {
		if b, err := x.Read(File{Name: "outside", Path: path}); err == nil {
			t.Errorf("read %s: %q", path, b)
		}
	}
}

func TestNodesAreThoseOfTheList(t *testing.T) {
	t.Parallel()
	want := []wire.Node{{Name: "loop-control", Major: 10, Minor: 237}, {Name: "md0", Block: true, Major: 9}, {Name: "net/tun", Major: 10, Minor: 200}}
	if d := cmp.Diff(want, parseNodes(lists["modules.devname"])); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestPatternsMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"", "", true},
		{"a", "a", true},
		{"a", "ab", false},
		{"*", "a/b", true},
		{"a*b*c", "aXbYbZc", true},
		{"a*b*c", "aXbYbZ", false},
		{"?", "a", true},
		{"?", "", false},
		{"[a-c]x", "bx", true},
		{"[a-c]x", "dx", false},
		{"[!a-c]x", "dx", true},
		{"[]]", "]", true},
		{"[", "[", true},
		{"[a", "[a", true},
		{`\*`, "*", true},
		{`\*`, "a", false},
		{`\`, `\`, true},
		{strings.Repeat("*a", 400) + "b", strings.Repeat("a", 1000), false},
	} {
		if got := matches(c.pattern, c.name); got != c.want {
			t.Errorf("%.50q matches %.50q: %v", c.pattern, c.name, got)
		}
	}
}

func TestProbesAreNotTold(t *testing.T) {
	t.Parallel()
	asked := func(name string) bool { return name == "netdev-eth7" }
	for name, want := range map[string]bool{
		"netdev-eth7": true, "eth7": true, "eth8": false, "rtnl-link-veth": false, "tcp_bbr": false, "net-pf-38": false,
		"net-pf-2-proto-132-type-1": true, "net-pf-2-proto-132": false, "net-pf-2-proto-262": true, "net-pf-10-proto-262": true,
		"crypto-cbc(aes)": true, "crypto-aes-all": true,
		"crypto-aes": false, "nft-expr-2-log": true, "nft-expr-log": false, "char-major-10-200": false, "binfmt-464c": true, "": true,
	} {
		if got := IsProbe(name, asked); got != want {
			t.Errorf("%q is a probe: %v, want %v", name, got, want)
		}
	}
}

func FuzzNames(f *testing.F) {
	for _, name := range []string{"a", "net-pf-38", "crypto-*", "[", `\`, "../a"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		x := newIndex(t)
		files, found, err := x.Find(name, func(string) bool { return false })
		if err != nil || found != wire.FoundModules && len(files) > 0 {
			t.Fatalf("%q: %v, %d, %v", name, files, found, err)
		}
		for _, f := range files {
			if !strings.Contains(lists["modules.dep"], fmt.Sprintf("%s:", f.Path)) {
				t.Fatalf("%q: %s is not in the list", name, f.Path)
			}
		}
	})
}
