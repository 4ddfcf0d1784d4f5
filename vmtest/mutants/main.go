// SPDX-License-Identifier: BSD-3-Clause

// Mutants shows what the suite notices. Each patch in its directory breaks the
// module in a way that a tired author might. The command runs the suite on a
// copy of the repository with one patch at a time, and says which test has
// killed the mutant, or that it survived.
//
//	go run ./vmtest/mutants                    # all of them
//	go run ./vmtest/mutants 'get-*' no-owner   # those that are named
//	go run ./vmtest/mutants -all get-all-of-it # every test that notices it
//
// KMODTEST_KERNEL chooses the kernel, as it does for the suite. Results go to
// standard output, a line for each mutant; the exit status is 0 only if all of
// them were killed, but for those that wait for a kernel that is not built, and
// those that are equivalent, which must survive. A mutant that does not apply or
// does not compile is an error, not killed.
package main

import "os"

func main() { os.Exit(command(os.Args[1:], os.Stdout, os.Stderr)) }
