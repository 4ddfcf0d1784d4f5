package pid1

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/system"
)

func TestOnlyResultWithWordAndCodeIsFinished(t *testing.T) {
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
		"regular end": want, "code only": "0", "nothing": "", "another code": inside.Result(word, 1), "another word": inside.Result(other, 0),
		"more behind it": want + "x", "without an end": want[:len(want)-1],
	} {
		var pipe [2]int
		if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
			t.Fatal(err)
		}
		if _, err := unix.Write(pipe[1], []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got := holds(system.File(pipe[0]), want); got != (name == "regular end") {
			t.Errorf("%s: finished: %v", name, got)
		}
		unix.Close(pipe[0])
		unix.Close(pipe[1])
	}
}
