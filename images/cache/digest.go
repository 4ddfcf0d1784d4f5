package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Digest returns a hex hash of all parts and of the boundaries between them.
func Digest(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s,", len(part), part) // a hash returns no error
	}
	return hex.EncodeToString(h.Sum(nil))
}
