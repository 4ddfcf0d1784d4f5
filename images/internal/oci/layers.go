package oci

import (
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/kmodtest/kmodtest/images/internal/unpack"
)

// mostLayers is the largest size of an image's layers in bytes, as they are compressed.
const mostLayers = 8 << 30

// checkSizes returns an error if layers are too large to be fetched.
func checkSizes(layers []v1.Layer) error {
	var all int64
	for _, layer := range layers {
		size, err := layer.Size()
		if err != nil {
			return err
		}
		if all += size; size < 0 || size > mostLayers || all > mostLayers {
			return fmt.Errorf("its layers have more than %d GiB", mostLayers>>30)
		}
	}
	return nil
}

// fetchedLayer is a layer of which a file has the content.
type fetchedLayer struct {
	v1.Layer
	file string
}

// Uncompressed returns the layer's archive.
func (l fetchedLayer) Uncompressed() (io.ReadCloser, error) {
	file, err := os.Open(l.file)
	if err != nil {
		return nil, err
	}
	content, done, err := unpack.Decompress(file)
	if err != nil {
		_ = file.Close() // it was only read
		return nil, err
	}
	return opened{content, file, done}, nil
}

// check adds what the layer has to what an image has, and returns an error beyond a limit. Files that another layer hides
// count, too.
func (l fetchedLayer) check(image *unpack.Contents) error {
	content, err := l.Uncompressed()
	if err != nil {
		return err
	}
	defer content.Close()
	return image.Check(content)
}

// opened is the content of a file that is decompressed.
type opened struct {
	io.Reader
	file *os.File
	done func()
}

// Close ends the decompression.
func (o opened) Close() error {
	o.done()
	return o.file.Close()
}

// stack is an image of other layers than its own.
type stack struct {
	v1.Image
	layers []v1.Layer
}

// Layers returns the other layers.
func (s stack) Layers() ([]v1.Layer, error) { return s.layers, nil }
