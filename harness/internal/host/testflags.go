package host

import (
	"path/filepath"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/request"
)

// testFlags are the flags of a test binary as far as they mean something to the
// host.
type testFlags struct {
	Args    []string      // for the binary in the guest
	Timeout time.Duration // 0: none
	Mkdir   []string      // directories that the binary expects
	Bring   []string      // host's files that the binary reads
	Collect []string      // files and directories that it writes
	Fuzzes  bool          // beyond the inputs that there are
}

// outputFlags name a file that the testing package writes, in the directory of
// -test.outputdir unless its path is absolute.
var outputFlags = []string{
	"test.coverprofile", "test.cpuprofile", "test.memprofile", "test.blockprofile", "test.mutexprofile", "test.trace",
}

// kept tells which flags of a command line the guest sees: not the log from
// which the go command would learn that a result may be cached, which knows
// nothing of kernels and modules, and not what readTestFlags puts there.
func kept(name string) bool {
	return name != "test.testlogfile" && name != "test.outputdir" && name != "test.paniconexit0"
}

// readTestFlags reads the flags of a request. Output goes where it would without
// a machine.
func readTestFlags(r request.Request) testFlags {
	f := testFlags{Fuzzes: r.Fuzzes()}
	// The testing package of the binary has checked that it is a duration.
	f.Timeout, _ = time.ParseDuration(r.Values["test.timeout"])

	outputDir := resolve(r.Cwd, r.Values["test.outputdir"])
	f.Args = append(f.Args, "-test.outputdir="+outputDir)
	f.Mkdir = append(f.Mkdir, outputDir)
	for _, name := range outputFlags {
		if file := r.Values[name]; file != "" {
			f.Collect = append(f.Collect, resolve(outputDir, file))
		}
	}
	if r.Values["test.artifacts"] == "true" {
		f.Collect = append(f.Collect, filepath.Join(outputDir, "_artifacts"))
	}
	if data := r.Values["test.gocoverdir"]; data != "" {
		f.Mkdir = append(f.Mkdir, resolve(r.Cwd, data))
		f.Collect = append(f.Collect, resolve(r.Cwd, data))
	}
	if f.Fuzzes {
		corpus := resolve(r.Cwd, r.Values["test.fuzzcachedir"])
		f.Mkdir = append(f.Mkdir, corpus)
		f.Bring = append(f.Bring, corpus)
		f.Collect = append(f.Collect, corpus, filepath.Join(r.Dir, "testdata", "fuzz"))
	}
	for _, dir := range f.Collect {
		f.Mkdir = append(f.Mkdir, filepath.Dir(dir))
	}
	// An os.Exit(0) before the tests end must be seen, with the place that
	// called it, also where it is not the go command that started us.
	f.Args = append(f.Args, "-test.paniconexit0")
	for _, flag := range r.Flags {
		if kept(flag.Name) {
			f.Args = append(f.Args, flag.String())
		}
	}
	if len(r.Rest) > 0 {
		f.Args = append(append(f.Args, "--"), r.Rest...)
	}
	return f
}

func resolve(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}
