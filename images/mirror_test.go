package images

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
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
	_, _ = w.Write([]byte{0})
}

// TestMirrorsThatSpoilFilesLeaveNothing uses a proxy mirror that truncates or changes files, for kernels
// that are built and for kernels that are fetched.
func TestMirrorsThatSpoilFilesLeaveNothing(t *testing.T) {
	t.Parallel() // apt waits before it tries again
	behind, err := debianMirror(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	const built = "[kernel.source]\nsuite = 'bookworm'\npackage = 'linux-source'\nfragments = ['base.config']\n"
	const fetched = "[kernel.debian]\nsuite = 'bookworm'\nimage = 'linux-image-6.1.*-cloud-amd64'\n"
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
			server := httptest.NewServer(mirrorThatSpoils(t, behind, c.spoiling))
			defer server.Close()
			b := newBuilder(t, makeTree(t, map[string]string{
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
