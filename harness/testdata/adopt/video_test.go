package adopt

import (
	"bytes"
	"io"
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// videoFormat is struct v4l2_format of <linux/videodev2.h>.
type videoFormat struct {
	kind          uint32
	_             uint32
	width, height uint32
	pixels        uint32
	field         uint32
	_             [184]byte // the rest of the union
}

const (
	videoCapture, videoOutput = 1, 2
	setVideoFormat            = 0xc0d05605 // VIDIOC_S_FMT
	yuyv                      = 'Y' | 'U'<<8 | 'Y'<<16 | 'V'<<24
)

// A frame that a program writes to the camera is one that another program captures.
func playsCamera(t *testing.T) {
	const width, height = 64, 48
	openAs := func(kind uint32) *os.File {
		f := open(t, "/dev/video0", os.O_RDWR)
		format := videoFormat{kind: kind, width: width, height: height, pixels: yuyv, field: 1}
		if _, _, err := unix.Syscall(unix.SYS_IOCTL, f.Fd(), setVideoFormat, uintptr(unsafe.Pointer(&format))); err != 0 {
			t.Fatalf("set the format for kind %d: %v", kind, err)
		}
		if format.width != width || format.height != height || format.pixels != yuyv {
			t.Fatalf("the device takes the format %+v", format)
		}
		return f
	}
	frame := bytes.Repeat([]byte("YUYV"), width*height*2/4)
	if n, err := openAs(videoOutput).Write(frame); err != nil || n != len(frame) {
		t.Fatalf("write of a frame of %d bytes: %d, %v", len(frame), n, err)
	}
	got := make([]byte, len(frame))
	if _, err := io.ReadFull(openAs(videoCapture), got); err != nil || !bytes.Equal(got, frame) {
		t.Errorf("the captured frame differs: %v", err)
	}
}
