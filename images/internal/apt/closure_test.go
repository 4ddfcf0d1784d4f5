package apt

import (
	"slices"
	"testing"
)

func TestParseInstalls(t *testing.T) {
	const output = "Reading package lists...\nInst gcc-14-base (14.2.0-19 Debian:13.8/stable [amd64])\n" +
		"Inst libc6 (2.41-12 Debian:13.8/stable [amd64]) []\nConf libc6 (2.41-12 Debian:13.8/stable [amd64])\n" +
		"Inst g++:amd64 (4:14.2.0-1 Debian:13.8/stable [amd64])\n"
	want := []Package{{Name: "gcc-14-base", Version: "14.2.0-19"}, {Name: "libc6", Version: "2.41-12"}, {Name: "g++", Version: "4:14.2.0-1"}}
	if got := parseInstalls([]byte(output)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
