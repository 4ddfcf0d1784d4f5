package pid1

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// readBoot reads what the host put into the initramfs.
func readBoot() (wire.Boot, error) {
	var boot wire.Boot
	f, err := os.Open(wire.SetupFile)
	if err != nil {
		return boot, err
	}
	defer f.Close()
	rec, err := wire.NewReader(f).Read()
	if err == nil {
		err = rec.Decode(&boot)
	}
	if err != nil {
		return boot, fmt.Errorf("read %s: %w", wire.SetupFile, err)
	}
	return boot, nil
}

// testCrypto makes the kernel test the cryptographic algorithms that come from now on. If it does
// not take that, they are not tested.
func testCrypto() {
	f, err := os.OpenFile("/sys/module/cryptomgr/parameters/notests", os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString("N")
		err = errors.Join(err, f.Close())
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // there is no such file if the kernel never tests them
		fmt.Fprintln(os.Stderr, "kmodtest-init: the kernel does not test cryptographic algorithms:", err)
	}
}
