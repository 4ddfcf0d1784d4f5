//go:build !race

package host

const shorter = 1 // divides the lengths of floods
