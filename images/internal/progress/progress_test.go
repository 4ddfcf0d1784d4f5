package progress

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// showSomeWork shows the progress of work that lasts until seen is closed.
func showSomeWork(out *os.File, seen <-chan struct{}) {
	show := New(out)
	show.Line("fetching %s", "it")
	show.Part(0, 50)(42)
	show.Count(7, 9, "objects")
	<-seen
	show.Close()
	show.Line("fetched")
}

func TestProgressInPipeHasLines(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan struct{})
	close(seen)
	showSomeWork(w, seen)
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

func TestProgressOnTerminalHasBar(t *testing.T) {
	here, terminal := openTerminal(t)
	seen := make(chan struct{})
	var text bytes.Buffer
	read := make(chan error)
	go func() { read <- readUntilEnd(here, &text, "21 %  7 of 9 objects", seen) }()
	showSomeWork(terminal, seen)
	if err := terminal.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-read; !errors.Is(err, unix.EIO) { // a terminal returns EIO instead of EOF
		t.Fatal(err)
	}
	got := text.String()
	for _, want := range []string{"kmodtest: fetching it\r\n", "kmodtest: fetched\r\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
}

// readUntilEnd reads until an error, which it returns. It closes seen when it has read want, or at the
// error.
func readUntilEnd(r io.Reader, text *bytes.Buffer, want string, seen chan<- struct{}) error {
	found := false
	buf := make([]byte, 1000)
	for {
		n, err := r.Read(buf)
		text.Write(buf[:n])
		if !found && (err != nil || strings.Contains(text.String(), want)) {
			found = true
			close(seen)
		}
		if err != nil {
			return err
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
	if err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 25, Col: 80}); err != nil {
		t.Fatal(err)
	}
	return here, terminal
}
