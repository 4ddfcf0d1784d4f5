package apt

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/images/internal/command"
)

// Download fetches packages into dir, and returns the paths of their .deb files in the same order. apt
// compares the files with the hashes in the signed list. Download calls progress with the fetched part
// in percent.
func (a *Archive) Download(ctx context.Context, dir string, packages []Package, progress func(percent float64)) ([]string, error) {
	args := []string{"download"}
	for _, p := range packages {
		args = append(args, p.Name+"="+p.Version)
	}
	if err := a.get(ctx, progress, dir, args...); err != nil {
		return nil, fmt.Errorf("fetch packages of %s from %s: %w", a.Suite, a.mirror, err)
	}
	var files []string
	for _, p := range packages {
		found, err := fs.Glob(os.DirFS(dir), p.Name+"_*.deb")
		if err != nil || len(found) != 1 {
			return nil, fmt.Errorf("find the file of package %s: there are %d, want 1", p.Name, len(found))
		}
		files = append(files, filepath.Join(dir, found[0]))
	}
	return files, nil
}

// get runs apt-get and reports its progress.
func (a *Archive) get(ctx context.Context, progress func(percent float64), dir string, args ...string) error {
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make pipe for apt's progress: %w", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		readStatus(r, progress)
	}()
	_, err = command.Command{
		Path:  a.aptGet,
		Args:  append(args, "-q", "-c", a.configFile(), "-o", "APT::Status-Fd=3"),
		Dir:   dir,
		Env:   []string{"DEBIAN_FRONTEND=noninteractive"},
		Files: []*os.File{w},
	}.Run(ctx)
	_ = w.Close()                                      // this process wrote nothing to it
	_ = r.SetReadDeadline(time.Now().Add(time.Second)) // in case a process of apt still holds the other end
	<-done
	_ = r.Close()
	return err
}

// readStatus reads apt's lines "dlstatus:ITEM:PERCENT:TEXT" until EOF.
func readStatus(r io.Reader, progress func(percent float64)) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		field := strings.SplitN(lines.Text(), ":", 4)
		if len(field) < 3 || field[0] != "dlstatus" {
			continue
		}
		if percent, err := strconv.ParseFloat(field[2], 64); err == nil {
			progress(percent)
		}
	}
	_, _ = io.Copy(io.Discard, r) // after a line that is too long, apt must not block
}
