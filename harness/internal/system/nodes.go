package system

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// MakeNodes makes the device files that load a module when they are opened. One whose
// module is built in exists already.
func MakeNodes(nodes []wire.Node) error {
	for _, node := range nodes {
		path := filepath.Join("/dev", filepath.Clean("/"+node.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		mode := uint32(unix.S_IFCHR | 0o600)
		if node.Block {
			mode = unix.S_IFBLK | 0o600
		}
		if err := unix.Mknod(path, mode, int(unix.Mkdev(node.Major, node.Minor))); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("make %s: %w", path, err)
		}
	}
	return nil
}
