package machine

import (
	"context"
	"os"
	"sync"
)

// inspection is the part of a *qemu.Process with which a machine is looked into.
type inspection interface {
	Debug(ctx context.Context, socket string) error
	Remain(ctx context.Context) error
	Remaining() <-chan string
	WriteMemory(ctx context.Context, to *os.File) error
	Quit(ctx context.Context) error
}

// image is an image of a machine's memory, for crash and drgn.
type image struct {
	file *os.File
	once sync.Once
	err  error
	done bool
}

// WriteMemory writes an image of the machine's memory, which stops meanwhile, to a file.
func (v *vm) WriteMemory(file *os.File) error { return v.process.WriteMemory(v.ctx, file) }

// KeepImage makes the machine write an image of its memory to a file when its kernel dies or
// hangs.
func (v *vm) KeepImage(file *os.File) error {
	v.image = &image{file: file}
	if err := v.process.Remain(v.ctx); err != nil {
		return err
	}
	go func() {
		select {
		case reason := <-v.process.Remaining():
			if reason == "guest-reset" {
				v.writeImage()
			}
			_ = v.process.Quit(v.ctx) // if that fails, the machine ends with the run
		case <-v.process.Ended():
		}
	}()
	return nil
}

// writeImage writes the image of KeepImage, if one is wanted. Only the first call has an
// effect.
func (v *vm) writeImage() {
	if i := v.image; i != nil {
		i.once.Do(func() {
			i.err = v.WriteMemory(i.file)
			i.done = i.err == nil
		})
	}
}

// Image reports whether the image of KeepImage was written. Stop must have been called.
func (v *vm) Image() (written bool, err error) {
	if v.image == nil {
		return false, nil
	}
	return v.image.done, v.image.err
}
