package apt

import (
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const stanzas = `Package: linux-image-6.12.9-cloud-amd64
Version: 6.12.9-1
Depends: kmod, linux-base (>= 4.3~), initramfs-tools (>= 0.120) | linux-initramfs-tool
Description: an older one
 with another line: that is not a field
Size: 10
SHA256: aa

Package: linux-image-6.12.90-cloud-amd64
Version: 6.12.90-1
Size: 20
SHA256: bb


Package: linux-image-6.12.91-cloud-amd64
Version: 6.12.91~rc1-1
Description: known, but in no archive
`

func TestNewestTakesTheHighestVersionThatHasAFile(t *testing.T) {
	p, err := newest(parseStanzas([]byte(stanzas)))
	if err != nil {
		t.Fatal(err)
	}
	want := Package{Name: "linux-image-6.12.90-cloud-amd64", Version: "6.12.90-1", SHA256: "bb", Size: 20}
	if p != want {
		t.Errorf("got %+v, want %+v", p, want)
	}
	if _, err := newest(nil); err == nil {
		t.Error("no error without packages")
	}
}

func TestDependsOnTakesTheFirstChoice(t *testing.T) {
	p := Package{Depends: parseStanzas([]byte(stanzas))[0]["Depends"]}
	if got, want := p.DependsOn(), []string{"kmod", "linux-base", "initramfs-tools"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := (Package{}).DependsOn(); len(got) != 0 {
		t.Errorf("a package without dependencies depends on %q", got)
	}
}

func TestMatchNames(t *testing.T) {
	names := []string{
		"linux-image-6.1.0-50-cloud-amd64", "linux-image-6.1.0-50-cloud-amd64-unsigned", "linux-image-6.1.0-50-cloud-amd64-dbg",
		"linux-image-6.1.0-50-amd64", "linux-image-6.12.9+deb12-cloud-amd64",
	}
	got, err := matchNames(names, "linux-image-6.1.*-cloud-amd64")
	if err != nil || !slices.Equal(got, names[:1]) {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := matchNames(names, "["); err == nil {
		t.Error("an invalid pattern was accepted")
	}
}

func TestFindKeyring(t *testing.T) {
	there := filepath.Join(t.TempDir(), "ring.gpg")
	if _, err := findKeyring([]string{there}); !errors.Is(err, ErrNoKeyring) || !strings.Contains(err.Error(), "debian-archive-keyring") {
		t.Errorf("got %v, want ErrNoKeyring with the name of the package", err)
	}
	if err := os.WriteFile(there, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := findKeyring([]string{there + ".not", there}); err != nil || got != there {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestUpdateRejectsUnsignedArchive makes an archive that is valid except that it is not signed.
func TestUpdateRejectsUnsignedArchive(t *testing.T) {
	mirror := t.TempDir()
	dir := filepath.Join(mirror, "dists/stable/main/binary-amd64")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	packages := filepath.Join(dir, "Packages.gz")
	file, err := os.Create(packages)
	if err != nil {
		t.Fatal(err)
	}
	zip := gzip.NewWriter(file)
	if _, err := zip.Write([]byte(stanzas)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(zip.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(packages)
	if err != nil {
		t.Fatal(err)
	}
	release := fmt.Sprintf("Origin: Debian\nLabel: Debian\nSuite: stable\nCodename: stable\nDate: Thu, 01 Jan 2026 00:00:00 UTC\n"+
		"Architectures: amd64\nComponents: main\nSHA256:\n %x %d main/binary-amd64/Packages.gz\n", sha256.Sum256(content), len(content))
	if err := os.WriteFile(filepath.Join(mirror, "dists/stable/Release"), []byte(release), 0o644); err != nil {
		t.Fatal(err)
	}
	archive := &Archive{Mirrors: []string{"file:" + mirror}, Suite: "stable", Architecture: "amd64", Dir: t.TempDir()}
	err = archive.Update(t.Context(), func(float64) {})
	if err == nil || !strings.Contains(err.Error(), "is not signed") {
		t.Fatalf("got %v, want an error for the missing signature", err)
	}
}

func TestUpdateNamesMissingMirror(t *testing.T) {
	mirror := "file:" + filepath.Join(t.TempDir(), "nowhere")
	archive := &Archive{Mirrors: []string{mirror}, Suite: "stable", Architecture: "amd64", Dir: t.TempDir()}
	err := archive.Update(t.Context(), func(float64) {})
	if err == nil || !strings.Contains(err.Error(), mirror) {
		t.Fatalf("got %v, want an error that names %s", err, mirror)
	}
}

func TestReadStatusReportsPercents(t *testing.T) {
	var got []float64
	text := "dlstatus:1:0.0000:Retrieving file 1 of 4\npmstatus:x:1.0:other\nnonsense\ndlstatus:4:99.5:Retrieving: with colons\n"
	readStatus(strings.NewReader(text), func(percent float64) { got = append(got, percent) })
	if want := []float64{0, 99.5}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
