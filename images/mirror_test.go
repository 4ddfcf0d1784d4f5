package images

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kmodtest/kmodtest/images/internal/apt"
	"github.com/kmodtest/kmodtest/images/internal/debian"
	"github.com/kmodtest/kmodtest/images/internal/files/filestest"
	"github.com/kmodtest/kmodtest/images/internal/progress"
)

// spoiling describes how a mirror spoils some of its files.
type spoiling struct {
	name string
	hits func(path string) bool
	body func(w io.Writer, body io.Reader, length int64) // sends the spoiled body
}

func isPackage(path string) bool { return strings.HasSuffix(path, ".deb") }

func isList(path string) bool { return strings.Contains(path, "/binary-amd64/") }

func half(w io.Writer, body io.Reader, length int64) { _, _ = io.CopyN(w, body, length/2) }

// changed sends the body with a different last byte.
func changed(w io.Writer, body io.Reader, length int64) {
	_, _ = io.CopyN(w, body, length-1)
	var last [1]byte
	_, _ = io.ReadFull(body, last[:])
	_, _ = w.Write([]byte{^last[0]})
}

// TestMirrorsThatSpoilFilesLeaveNothing uses a proxy mirror that truncates or changes files, for kernels
// that are built and for kernels that are fetched.
func TestMirrorsThatSpoilFilesLeaveNothing(t *testing.T) {
	t.Parallel() // apt waits before it tries again
	behind, err := debianMirrors(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	const built = "[kernel.source]\nsuite = 'bookworm'\npackage = 'linux-source'\nfragments = ['base.config']\n"
	const fetched = "[kernel.apt]\nsuite = 'bookworm'\nimage = 'linux-image-6.1.*-cloud-amd64'\n"
	for _, c := range []struct {
		row, want string
		spoiling
	}{
		{built, "fetch packages of bookworm", spoiling{"truncated package", isPackage, half}},
		{built, "fetch packages of bookworm", spoiling{"changed package", isPackage, changed}},
		{fetched, "fetch packages of bookworm", spoiling{"truncated package of a fetched kernel", isPackage, half}},
		{fetched, "fetch the package list of bookworm", spoiling{"truncated list", isList, half}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(mirrorThatSpoils(t, behind[0], c.spoiling))
			defer server.Close()
			b := newBuilder(t, filestest.Tree(t, map[string]string{
				"go.mod": "module example.com/project\n", "kernels.toml": "[[kernel]]\nname = 'made-up'\n" + c.row,
			}))
			b.opt.Mirror = server.URL
			_, err := b.build(t.Context())
			wantError(t, err, "kernel made-up: ", c.want+" from "+server.URL)
			b.wantNothingKept(t)
		})
	}
}

func mirrorThatSpoils(t *testing.T, behind string, s spoiling) http.Handler {
	t.Helper()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, behind+r.URL.Path, http.NoBody)
		if err != nil {
			t.Error(err)
			return
		}
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			if r.Context().Err() == nil { // apt has not disconnected
				t.Error(err)
			}
			return
		}
		defer func() { _ = response.Body.Close() }()
		w.Header().Set("Content-Length", strconv.FormatInt(response.ContentLength, 10))
		w.WriteHeader(response.StatusCode)
		if response.StatusCode != http.StatusOK || !s.hits(r.URL.Path) {
			_, _ = io.Copy(w, response.Body) // apt may disconnect
			return
		}
		s.body(w, response.Body, response.ContentLength)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
}

// TestKernelOfEndedSuiteComesFromNextMirror uses a proxy mirror from which the suite is gone, as after the
// end of a release, and another that still has it.
func TestKernelOfEndedSuiteComesFromNextMirror(t *testing.T) {
	t.Parallel()
	behind, err := debianMirrors(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var asked, served atomic.Int64
	without := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.NotFound(w, r)
	}))
	defer without.Close()
	with := httptest.NewServer(mirrorThatSpoils(t, behind[0], spoiling{hits: func(string) bool { served.Add(1); return false }}))
	defer with.Close()

	row, err := findRow(Rows(), "5.10")
	if err != nil {
		t.Fatal(err)
	}
	scratch := t.TempDir()
	show := progress.New(io.Discard)
	defer show.Close()
	for _, mirrors := range []string{without.URL, without.URL + ", " + with.URL + "/"} {
		list := splitMirrors(mirrors)
		archive := &apt.Archive{Mirrors: list, Suite: row.Apt.Suite, Architecture: row.Arch, Dir: scratch}
		err := archive.Update(t.Context(), show.Part(0, 100))
		if len(list) == 1 {
			wantError(t, err, "fetch the package list of bullseye from "+without.URL)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := debian.Choose(t.Context(), debian.Archives{Target: archive, Host: archive}, debian.Kernel{Image: row.Apt.Image}); err != nil {
			t.Error(err)
		}
	}
	if asked.Load() < 2 || served.Load() == 0 {
		t.Errorf("the first mirror was asked %d times and the second %d times", asked.Load(), served.Load())
	}
}

// TestBrokenMirrorIsNotReplaced: only a mirror without the suite lets the next one be used. Another failure is
// reported.
func TestBrokenMirrorIsNotReplaced(t *testing.T) {
	t.Parallel()
	broken := httptest.NewServer(http.NotFoundHandler())
	address := broken.URL
	broken.Close() // nothing answers
	next := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the next mirror was asked for %s", r.URL.Path)
	}))
	defer next.Close()
	archive := &apt.Archive{Mirrors: []string{address, next.URL}, Suite: "bullseye", Architecture: "amd64", Dir: t.TempDir()}
	wantError(t, archive.Update(t.Context(), func(float64) {}), "fetch the package list of bullseye from "+address)
}
