package images

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func showSomeWork(out *os.File) {
	show := newProgress(out)
	show.line("fetching %s", "it")
	for percent := range 101 {
		show.part(0, 50)(float64(percent))
		time.Sleep(time.Millisecond) // a bar that moves faster than the eye is not drawn
	}
	show.close()
	show.line("fetched")
}

func TestProgressInAPipeIsLines(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	showSomeWork(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := got.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	if want := "kmodtest: fetching it\nkmodtest: fetched\n"; got.String() != want {
		t.Errorf("got %q, want %q", got.String(), want)
	}
}

func TestProgressOnATerminalHasABar(t *testing.T) {
	here, terminal := openTerminal(t)
	showSomeWork(terminal)
	if err := terminal.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(here)
	if !errors.Is(err, unix.EIO) { // that is how a terminal ends
		t.Fatal(err)
	}
	got := string(text)
	for _, want := range []string{"kmodtest: fetching it\r\n", "%", "kmodtest: fetched\r\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
}

// openTerminal returns both ends of a new terminal.
func openTerminal(t *testing.T) (here, terminal *os.File) {
	t.Helper()
	here, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = here.Close() })
	fd := int(here.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	return here, terminal
}
