package pid1

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

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
