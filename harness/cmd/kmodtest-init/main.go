// Kmodtest-init is the first process of a kmodtest guest. The harness builds it
// and puts it into the initramfs; it is not for any other use.
package main

import "github.com/kmodtest/kmodtest/harness/internal/pid1"

func main() { pid1.Main() }
