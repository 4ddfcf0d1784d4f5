//go:build machines

package matrix

import (
	"bytes"
	"flag"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// Flags for make report-picture. Paths are absolute: tests run in their package's
// directory.
var (
	pictureOf = flag.String("report", "", "the `directory` of the reports to make a picture of")
	pictureTo = flag.String("picture", "", "the PNG `file` to write")
)

// The size of the picture, in pixels, and of its file, in bytes.
const (
	pictureWidth  = 1280
	pictureHeight = 900 // at most
	pictureBytes  = 250 << 10
)

// TestPictureOfReport makes a picture of the page of a report: of the report that
// the flags name, else of the one that the other tests use.
func TestPictureOfReport(t *testing.T) {
	dir, to := *pictureOf, *pictureTo
	if dir == "" {
		dir = writeReport(t, moodyReport(t))
	}
	if to == "" {
		to = filepath.Join(t.ArtifactDir(), "report.png")
	}
	b := openPage(t, filepath.Join(dir, report.HTMLFile))
	b.setScreen(pictureWidth, pictureHeight, "light")
	tall, err := chromedp.Run(b.ctx, chromedp.Evaluate[int64](`Math.ceil(document.body.getBoundingClientRect().height)`))
	if err != nil {
		t.Fatal(err)
	}
	b.setScreen(pictureWidth, min(tall, pictureHeight), "light")
	picture := b.picture()
	image, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	var small bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, image); err != nil {
		t.Fatal(err)
	}
	if small.Len() < len(picture) {
		picture = small.Bytes()
	}
	if err := os.WriteFile(to, picture, 0o644); err != nil {
		t.Fatal(err)
	}
	size := image.Bounds().Size()
	t.Logf("%s: %d × %d pixels, %d bytes", to, size.X, size.Y, len(picture))
	if size.X != pictureWidth || size.Y > pictureHeight || len(picture) > pictureBytes {
		t.Errorf("want %d × at most %d pixels, and at most %d bytes", pictureWidth, pictureHeight, pictureBytes)
	}
}
