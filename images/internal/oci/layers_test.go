package oci

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/kmodtest/kmodtest/images/internal/files/filestest"
)

// said is a layer whose manifest says its size.
type said struct {
	v1.Layer
	size int64
}

func (s said) Size() (int64, error) { return s.size, nil }

func TestLayersAreLimited(t *testing.T) {
	for what, c := range map[string]struct {
		sizes []int64
		fit   bool
	}{
		"what fits":         {[]int64{4 << 30, 4 << 30}, true},
		"one byte more":     {[]int64{4 << 30, 4<<30 + 1}, false},
		"a large layer":     {[]int64{9 << 30}, false},
		"less than nothing": {[]int64{-1 << 40, 1 << 40}, false},
		"an overflow":       {[]int64{1<<63 - 1, 1<<63 - 1}, false},
	} {
		var layers []v1.Layer
		for _, size := range c.sizes {
			layers = append(layers, said{size: size})
		}
		err := checkSizes(layers)
		if c.fit != (err == nil) || err != nil && !strings.Contains(err.Error(), "its layers have more than 8 GiB") {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

// TestDirectoryOfImageIsNoLink: files would be moved out of the target of a link.
func TestDirectoryOfImageIsNoLink(t *testing.T) {
	user := filestest.Tree(t, map[string]string{"file": "of the user", "below/file": "of the user"})
	for link, below := range map[string]string{"build-root": "build-root", "data": "data/below"} {
		dir := filestest.Tree(t, map[string]string{"tree/" + link: "-> " + user})
		if err := moveUp(filepath.Join(dir, "tree"), below); err == nil || !strings.Contains(err.Error(), link+" is a link") {
			t.Errorf("%s: got %v", below, err)
		}
		for _, name := range []string{"file", "below/file"} {
			filestest.Want(t, filepath.Join(user, name), "of the user")
		}
	}
	dir := filestest.Tree(t, map[string]string{"tree/a/b/file": "content", "tree/other": ""})
	if err := moveUp(filepath.Join(dir, "tree"), "a/b"); err != nil {
		t.Fatal(err)
	}
	filestest.Want(t, filepath.Join(dir, "tree/file"), "content")
	if list, err := os.ReadDir(filepath.Join(dir, "tree")); len(list) != 1 || err != nil {
		t.Errorf("got %v, %v", list, err)
	}
}
