// Kmodtest-init is the first process of a kmodtest guest. The harness builds it
// and puts it into the initramfs; it is of no use anywhere else.
package main

import "github.com/kmodtest/kmodtest/harness/internal/pid1"

func main() { pid1.Main() }
