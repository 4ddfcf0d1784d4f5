package pid1

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// refresh sets the clock and adds entropy: guests that were restored from the same
// snapshot must not share the time and random numbers.
func refresh(work wire.Work) error {
	now := unix.NsecToTimespec(work.Time)
	if err := unix.ClockSettime(unix.CLOCK_REALTIME, &now); err != nil {
		return fmt.Errorf("set the clock: %w", err)
	}
	return addEntropy(work.Entropy)
}

// addEntropy credits bytes to the kernel's random pool, and reseeds the generator at
// once.
func addEntropy(random string) error {
	f, err := os.OpenFile("/dev/urandom", os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("open the random pool: %w", err)
	}
	defer f.Close()
	// struct rand_pool_info of linux/random.h: bits, bytes, then the bytes.
	info := binary.NativeEndian.AppendUint32(nil, uint32(8*len(random)))
	info = binary.NativeEndian.AppendUint32(info, uint32(len(random)))
	info = append(info, random...)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.RNDADDENTROPY, uintptr(unsafe.Pointer(&info[0])))
	runtime.KeepAlive(info)
	if errno != 0 {
		return fmt.Errorf("add to the random pool: %w", errno)
	}
	if err := unix.IoctlSetInt(int(f.Fd()), unix.RNDRESEEDCRNG, 0); err != nil {
		return fmt.Errorf("reseed the random number generator: %w", err)
	}
	return nil
}
