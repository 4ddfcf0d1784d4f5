package pid1

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/modprobe"
)

// testCrypto makes the kernel test the cryptographic algorithms that come from now on, unless the
// user has decided that.
func testCrypto() error {
	if slices.ContainsFunc(modprobe.BootParameters("cryptomgr"), func(p string) bool { return strings.HasPrefix(p, "notests") }) {
		return nil
	}
	f, err := os.OpenFile("/sys/module/cryptomgr/parameters/notests", os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) { // it is a module, or the kernel has no such tests
		return nil
	}
	if err == nil {
		_, err = f.WriteString("N")
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("switch on the tests of cryptographic algorithms: %w", err)
	}
	return nil
}
