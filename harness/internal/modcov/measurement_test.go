package modcov

import (
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/coverage"
	"github.com/kmodtest/kmodtest/harness/internal/request"
)

func TestModulesOfTestsAreNotCovered(t *testing.T) {
	for _, c := range []struct {
		name    string
		modules []string
		builds  []request.Build
		covered map[string]bool
	}{
		{"an aid of the tests", []string{"/repo/kmod", "/repo/test/aid"}, nil, map[string]bool{"/repo/kmod": true, "/repo/test/aid": false}},
		{"all below", []string{"/repo/test/kmod"}, nil, map[string]bool{"/repo/test/kmod": true}},
		{"the package's own directory", []string{"/repo/test"}, nil, map[string]bool{"/repo/test": true}},
		{"a directory with a longer name", []string{"/repo/testmod"}, nil, map[string]bool{"/repo/testmod": true}},
		{"a build elsewhere", []string{"/repo/test/aid"}, []request.Build{{Root: "/repo"}}, map[string]bool{"/repo": true, "/repo/test/aid": false}},
		{"a file elsewhere", []string{"/repo/old.ko", "/repo/test/kmod"}, nil, map[string]bool{"/repo/test/kmod": true}},
	} {
		r := request.Request{Dir: "/repo/test", Cwd: "/repo/test", Config: request.Config{Modules: c.modules, Builds: c.builds}}
		m, err := New(r, Variables{Dir: "out"})
		if err != nil {
			t.Fatal(err)
		}
		for dir, want := range c.covered {
			if got := m.Covers(dir); got != want {
				t.Errorf("%s: %s is covered: %v, want %v", c.name, dir, got, want)
			}
		}
	}
}

func TestVariablesOverrideConfiguration(t *testing.T) {
	r := request.Request{Cwd: "/cwd"}
	if m, err := New(r, Variables{Least: "100"}); m != nil || err != nil {
		t.Errorf("without a directory: got %+v, %v", m, err)
	}
	r.Config.Coverage = request.Coverage{Dir: "/own", Lines: 50, Branches: 40}
	m, err := New(r, Variables{})
	if err != nil || m.dir != "/own" || m.least != (coverage.Least{Lines: 50, Branches: 40}) {
		t.Errorf("the configuration gives %+v, %v", m, err)
	}
	m, err = New(r, Variables{Dir: "out", Least: "90"})
	if err != nil || m.dir != "/cwd/out" || m.least != (coverage.Least{Lines: 90}) {
		t.Errorf("the variables give %+v, %v", m, err)
	}
	if _, err := New(r, Variables{Least: "all"}); err == nil {
		t.Error("an invalid variable is accepted")
	}
}
