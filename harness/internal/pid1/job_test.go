package pid1

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

func TestOnlyResultWithWordAndCodeIsFinished(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	word, err := oneTimeWord()
	if err != nil {
		t.Fatal(err)
	}
	other, err := oneTimeWord()
	if err != nil || other == word {
		t.Fatalf("two words: %q and %q, %v", word, other, err)
	}
	want := inside.Result(word, 0)
	for name, text := range map[string]string{
		"regular end": want, "code only": "0", "empty": "", "another code": inside.Result(word, 1), "another word": inside.Result(other, 0),
		"more behind it": want + "x", "without an end": want[:len(want)-1],
	} {
		if err := os.WriteFile(at("result"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := finished(at("result"), want); got != (name == "regular end") {
			t.Errorf("%s: finished: %v", name, got)
		}
	}
	if err := unix.Mkfifo(at("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("target"), []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("target", at("link")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pipe", "link", "absent", "."} {
		if finished(at(name), want) {
			t.Errorf("%s: finished", name)
		}
	}
}
