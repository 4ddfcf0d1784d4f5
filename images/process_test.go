package images

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/images/cache"
	"github.com/kmodtest/kmodtest/images/internal/files/filestest"
)

// Variables that make this test binary build a project's kernel instead of running tests.
const (
	projectVariable = "IMAGES_TEST_PROJECT"
	cacheVariable   = "IMAGES_TEST_CACHE"
	diskVariable    = "IMAGES_TEST_DISK" // size in KiB of a disk to mount on the cache; "" mounts none
)

func TestMain(m *testing.M) {
	dir := os.Getenv(projectVariable)
	if dir == "" {
		os.Exit(m.Run())
	}
	b := builder{Options{Dir: dir, Cache: os.Getenv(cacheVariable)}}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if disk := os.Getenv(diskVariable); disk != "" {
		err = b.buildOnDisk(ctx, disk)
	} else {
		_, err = b.build(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

// start returns a command that builds the kernel in another process.
func (b builder) start(t *testing.T, extra ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), projectVariable+"="+b.opt.Dir, cacheVariable+"="+b.opt.Cache), extra...)
	stderr = &bytes.Buffer{}
	cmd.Stderr = stderr
	return cmd, stderr
}

// content lists the files in the cache's entries, with a digest of each.
func (b builder) content() ([]string, error) {
	all := []string{}
	for _, dir := range []string{"kernels", "sources"} {
		root := os.DirFS(filepath.Join(b.opt.Cache, dir))
		err := fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || strings.HasSuffix(path, ".lock") {
				return nil
			}
			sum := ""
			if err == nil && entry.Type().IsRegular() {
				var text []byte
				text, err = fs.ReadFile(root, path)
				sum = cache.Digest(string(text))[:8]
			}
			all = append(all, dir+"/"+path+" "+sum)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (b builder) mustContent(t *testing.T) []string {
	t.Helper()
	all, err := b.content()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// wantPart fails the test unless got, without incomplete entries of dead builds, is a part of whole.
func wantPart(t *testing.T, got, whole []string) {
	t.Helper()
	for _, line := range got {
		if !strings.Contains(line, ".tmp-") && !slices.Contains(whole, line) {
			t.Errorf("the cache has %s, which a complete build does not have", line)
		}
	}
}

func wantWhole(t *testing.T, got, whole []string) {
	t.Helper()
	if !slices.Equal(got, whole) {
		t.Errorf("the cache holds\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(whole, "\n"))
	}
}

// projectAtAddress makes a project with a kernel that is built from an archive on a server. whole is the
// content of the cache after a build.
func projectAtAddress(t *testing.T, variables string) (dir string, whole []string) {
	t.Helper()
	files := madeUpKernel()
	for i := range 40 {
		files[fmt.Sprintf("include/linux/%d.h", i)] = strings.Repeat("/* a line of a header */\n", 200)
	}
	archive, sum := archiveOf(t, files)
	dir = project(t, fmt.Sprintf("url = '%s'\nsha256 = '%s'\nvariables = [%s]\n", serve(t, archive), sum, variables), nil)
	b := newBuilder(t, dir)
	if _, err := b.build(t.Context()); err != nil {
		t.Fatal(err)
	}
	return dir, b.mustContent(t)
}

// TestInterruptedBuildCanBeRepeated ends builds at random times, by an interrupt or by SIGKILL, and
// repeats them in the same cache.
func TestInterruptedBuildCanBeRepeated(t *testing.T) {
	t.Parallel()
	dir, whole := projectAtAddress(t, "")
	begin := time.Now()
	if cmd, stderr := newBuilder(t, dir).start(t); cmd.Run() != nil {
		t.Fatal(stderr)
	}
	most := time.Since(begin) * 5 / 4
	ended := 0
	for i := range 12 {
		b := newBuilder(t, dir)
		cmd, stderr := b.start(t)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		after := time.Duration(rand.Int64N(int64(most)))
		sig := []os.Signal{os.Interrupt, syscall.SIGKILL}[i%2]
		timer := time.AfterFunc(after, func() { _ = cmd.Process.Signal(sig) }) // it may have ended
		if err := cmd.Wait(); err != nil {
			ended++
		}
		timer.Stop()
		if text := stderr.String(); text != "" && !strings.Contains(text, "context canceled") {
			t.Errorf("%v after %v: got output %q", sig, after, text)
		}
		wantPart(t, b.mustContent(t), whole)
		if _, err := b.build(t.Context()); err != nil {
			t.Errorf("repeated build, after %v after %v: %v", sig, after, err)
		}
		wantWhole(t, b.mustContent(t), whole)
	}
	if ended == 0 {
		t.Error("no build was interrupted")
	}
	t.Logf("%d builds were interrupted within %v", ended, most)
}

// TestConcurrentProcessesBuildOnce builds one kernel in three processes at once.
func TestConcurrentProcessesBuildOnce(t *testing.T) {
	t.Parallel()
	count := filepath.Join(t.TempDir(), "count")
	dir, whole := projectAtAddress(t, fmt.Sprintf("'COUNT=%s', 'EXTRA=sleep 0.2'", count))
	filestest.Want(t, count, "line\n")
	b := newBuilder(t, dir)
	var others []*exec.Cmd
	for range 3 {
		cmd, stderr := b.start(t)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if t.Failed() {
				t.Log(stderr)
			}
		})
		others = append(others, cmd)
	}
	for _, cmd := range others {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	wantWhole(t, b.mustContent(t), whole)
	filestest.Want(t, count, "line\n"+"line\n")
}
