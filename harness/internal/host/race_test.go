//go:build race

package host

const shorter = 10 // divides the lengths of floods
