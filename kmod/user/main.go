// SPDX-License-Identifier: BSD-3-Clause

// User is what a first user of the socketopt module does: it sets a message and
// gets the kernel's greeting.
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
