// SPDX-License-Identifier: BSD-3-Clause

// Mutants measures the suite. Each patch in this directory breaks the module in
// a way that a tired author might. The command applies one patch at a time to a
// copy of the repository, runs the suite, and prints which test killed the
// mutant, or that it survived.
//
//	go run ./vmtest/mutants                    # all mutants
//	go run ./vmtest/mutants 'get-*' no-owner   # some of them
//	go run ./vmtest/mutants -all get-all-of-it # every test that kills it
//
// KMODTEST_KERNEL selects the kernel, as it does for the suite. The command
// prints one line per mutant on standard output. The exit status is 0 only if
// every mutant was killed, except mutants that wait for a kernel that has not
// been built, and equivalent ones, which must survive. A mutant that does not
// apply or does not compile counts as an error, not as killed.
package main

import "os"

func main() { os.Exit(command(os.Args[1:], os.Stdout, os.Stderr)) }
