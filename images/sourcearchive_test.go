package images

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// archiveOf packs files in a top directory, like an archive of kernel sources.
func archiveOf(t *testing.T, files map[string]string) (archive []byte, sum string) {
	t.Helper()
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	w := tar.NewWriter(zip)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header := &tar.Header{Name: "linux-9.9/" + name, Mode: 0o644, Size: int64(len(files[name])), Typeflag: tar.TypeReg}
		_, err := w.Write(nil)
		err = errors.Join(err, w.WriteHeader(header))
		if _, werr := w.Write([]byte(files[name])); err != nil || werr != nil {
			t.Fatal(err, werr)
		}
	}
	if err := errors.Join(w.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(b.Bytes())
	return b.Bytes(), hex.EncodeToString(hash[:])
}

// serve starts a server for the archive and returns its address.
func serve(t *testing.T, archive []byte) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(archive) }))
	t.Cleanup(server.Close)
	return server.URL + "/linux.tar.gz"
}

func TestKernelIsBuiltFromAnAddress(t *testing.T) {
	archive, sum := archiveOf(t, madeUpKernel())
	asked, broken := 0, true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Content-Length", strconv.Itoa(len(archive)))
		if broken {
			_, _ = w.Write(archive[:len(archive)/2])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write(archive)
	}))
	defer server.Close()
	dir := project(t, fmt.Sprintf("url = '%s/linux.tar.gz'\nsha256 = '%s'\n", server.URL, sum), nil)
	b := newBuilder(t, dir)
	_, err := b.build(t.Context())
	wantError(t, err, "ended after", server.URL)
	b.wantNothingKept(t)

	broken = false
	kernel, err := b.build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if kernel.Version != sum[:12] {
		t.Errorf("got version %q for an archive with the sum %s", kernel.Version, sum)
	}
	if _, err := Remove(t.Context(), "made-up", false, b.opt); err != nil {
		t.Fatal(err)
	}
	before := asked
	if _, err := b.build(t.Context()); err != nil || asked != before {
		t.Errorf("the repeated build: %v, with %d more requests to the server", err, asked-before)
	}
}

func TestWrongSumIsNamed(t *testing.T) {
	archive, sum := archiveOf(t, madeUpKernel())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/there" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(archive)
	}))
	defer server.Close()
	wrong := strings.Repeat("0", 64)
	b := newBuilder(t, project(t, fmt.Sprintf("url = '%s/there'\nsha256 = '%s'\n", server.URL, wrong), nil))
	_, err := b.build(t.Context())
	wantError(t, err, sum, wrong)
	b.wantNothingKept(t)

	b = newBuilder(t, project(t, fmt.Sprintf("url = '%s/not'\nsha256 = '%s'\n", server.URL, sum), nil))
	_, err = b.build(t.Context())
	wantError(t, err, "404", server.URL+"/not")
	b.wantNothingKept(t)
}
