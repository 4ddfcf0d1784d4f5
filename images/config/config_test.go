package config

import (
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/images/internal/files/filestest"
)

// lines returns the lines of a set, as text.
func lines(t *testing.T, s Set) string {
	t.Helper()
	got, err := s.Lines()
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	for _, line := range got {
		text = append(text, line.String())
	}
	return strings.Join(text, "\n")
}

func TestFragmentsOfUserComeBeforeOwn(t *testing.T) {
	dir := filestest.Tree(t, map[string]string{"own/a.config": "CONFIG_A=y\n", "debuginfo.config": "# mine\nCONFIG_B=y\n"})
	s := Set{Names: []string{"own/a.config", "debuginfo.config"}, Dir: dir}
	if got := lines(t, s); got != "CONFIG_A=y\nCONFIG_B=y" {
		t.Errorf("got %s", got)
	}
	s.Names = []string{"not.config"}
	if _, err := s.Lines(); err == nil || !strings.Contains(err.Error(), "base.config") || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v, want the directory and the fragments", err)
	}
}

func TestFragmentOfArchitectureFollowsTheCommonOne(t *testing.T) {
	dir := filestest.Tree(t, map[string]string{
		"a.config": "CONFIG_A=y\nCONFIG_B=y\n", "a.arm64.config": "CONFIG_B=m\nCONFIG_C=y\n", "b.config": "# CONFIG_C is not set\n",
	})
	s := Set{Names: []string{"a.config", "b.config"}, Dir: dir}
	for goarch, want := range map[string]string{
		"arm64": "CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set",
		"s390x": "CONFIG_A=y\nCONFIG_B=y\n# CONFIG_C is not set",
	} {
		s.Arch = goarch
		if got := lines(t, s); got != want {
			t.Errorf("%s: got %s", goarch, got)
		}
	}
}
