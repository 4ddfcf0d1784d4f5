// Package flags has tests of every sort, whose output must be the same in a
// guest and on the host. The harness's own tests compare the two.
package flags

// Double returns twice n.
func Double(n int) int {
	if n < 0 {
		return -Double(-n)
	}
	return 2 * n
}
