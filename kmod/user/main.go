// SPDX-License-Identifier: BSD-3-Clause

// User is an example program for the socketopt module: it sets a message and gets
// the kernel's greeting.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := talk(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
