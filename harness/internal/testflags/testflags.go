// Package testflags reads the effects that the flags of a test binary have on the host.
package testflags

import (
	"path/filepath"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/resultfile"
)

// Flags are the effects of a test binary's flags on the host.
type Flags struct {
	Args    []string           // for the binary in the guest
	Timeout time.Duration      // 0: none
	Mkdir   []string           // directories that the binary expects
	Bring   []string           // files of the host that the binary reads
	Results []resultfile.Place // files and directories that it writes
	Fuzzes  bool               // tries new inputs
}

// Collect returns the paths of the results.
func (f Flags) Collect() []string {
	var paths []string
	for _, r := range f.Results {
		paths = append(paths, r.Path)
	}
	return paths
}

// Output are the flags that name a file which the testing package writes, in
// the directory of -test.outputdir unless its path is absolute.
var Output = []string{
	"test.coverprofile", "test.cpuprofile", "test.memprofile", "test.blockprofile", "test.mutexprofile", "test.trace",
}

// kept reports whether a flag of the command line is passed to the guest. The
// flags that Read sets are not, nor is test.testlogfile: with that log the
// go command would cache the result, but the log does not contain kernels and
// modules.
func kept(name string) bool {
	return name != "test.testlogfile" && name != "test.outputdir" && name != "test.paniconexit0"
}

// Read reads the flags of a request. Output files get the paths that they
// would have without a machine.
func Read(r request.Request) Flags {
	f := Flags{Fuzzes: r.Fuzzes()}
	if r.CoverDir != "" {
		f.Mkdir = append(f.Mkdir, r.CoverDir)
		f.Results = append(f.Results, resultfile.Place{Path: r.CoverDir, Kind: resultfile.CoverData})
	}
	if r.Kind == request.Program {
		f.Args = r.Rest
		return f
	}
	// The testing package of the binary has checked that it is a duration.
	f.Timeout, _ = time.ParseDuration(r.Values["test.timeout"])

	outputDir := Resolve(r.Cwd, r.Values["test.outputdir"])
	f.Args = append(f.Args, "-test.outputdir="+outputDir)
	f.Mkdir = append(f.Mkdir, outputDir)
	for _, name := range Output {
		if file := r.Values[name]; file != "" {
			f.Results = append(f.Results, resultfile.Place{Path: Resolve(outputDir, file), Kind: resultfile.File})
		}
	}
	if r.Values["test.artifacts"] == "true" {
		f.Results = append(f.Results, resultfile.Place{Path: filepath.Join(outputDir, "_artifacts"), Kind: resultfile.Tree})
	}
	if data := r.Values["test.gocoverdir"]; data != "" {
		f.Mkdir = append(f.Mkdir, Resolve(r.Cwd, data))
		f.Results = append(f.Results, resultfile.Place{Path: Resolve(r.Cwd, data), Kind: resultfile.CoverData})
	}
	if f.Fuzzes {
		found := Resolve(r.Cwd, r.Values["test.fuzzcachedir"])
		f.Mkdir = append(f.Mkdir, found)
		f.Bring = append(f.Bring, found)
		own := filepath.Join(r.Dir, "testdata", "fuzz")
		f.Results = append(f.Results, resultfile.Place{Path: found, Kind: resultfile.Corpus}, resultfile.Place{Path: own, Kind: resultfile.Corpus})
	}
	for _, result := range f.Results {
		f.Mkdir = append(f.Mkdir, filepath.Dir(result.Path))
	}
	// With this flag an os.Exit(0) before the tests end panics and so shows its
	// caller. The go command sets it, but may not have started this run.
	f.Args = append(f.Args, "-test.paniconexit0")
	for _, flag := range r.Flags {
		if kept(flag.Name) && (r.Kind != request.Foreign || flag.Name != "test.v") {
			f.Args = append(f.Args, flag.String())
		}
	}
	if r.Kind == request.Foreign {
		f.Args = append(append(f.Args, "-test.v=test2json"), r.Rest...)
		return f
	}
	if len(r.Rest) > 0 {
		f.Args = append(append(f.Args, "--"), r.Rest...)
	}
	return f
}

// Resolve returns an absolute path. A relative one starts from dir.
func Resolve(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// ResultPath returns where a file that a flag names is on the host.
func ResultPath(r request.Request, flag string) string {
	return filepath.Clean(Resolve(Resolve(r.Cwd, r.Values["test.outputdir"]), r.Values[flag]))
}
