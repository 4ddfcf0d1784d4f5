package harness

import (
	"flag"
	"path/filepath"
	"strings"
	"time"
)

// testFlags are the flags of a test binary that mean something to the host.
type testFlags struct {
	Args    []string      // for the binary in the guest
	Timeout time.Duration // 0: none
	Mkdir   []string      // directories that the binary expects
	Bring   []string      // host's files that the binary reads
	Collect []string      // files and directories that it writes
}

// outputFlags name a file that the testing package writes, in the directory of
// -test.outputdir unless its path is absolute.
var outputFlags = []string{
	"test.coverprofile", "test.cpuprofile", "test.memprofile", "test.blockprofile", "test.mutexprofile", "test.trace",
}

// readTestFlags reads the flags that flag.Parse has found. Output goes where it
// would without a machine: cwd is the host's working directory, dir the guest's.
func readTestFlags(args []string, cwd, dir string) testFlags {
	var f testFlags
	// The testing package of this binary has checked that it is a duration.
	f.Timeout, _ = time.ParseDuration(flagValue("test.timeout"))

	outputDir := resolve(cwd, flagValue("test.outputdir"))
	f.Args = append(f.Args, "-test.outputdir="+outputDir)
	f.Mkdir = append(f.Mkdir, outputDir)
	for _, name := range outputFlags {
		if file := flagValue(name); file != "" {
			f.Collect = append(f.Collect, resolve(outputDir, file))
		}
	}
	if flagValue("test.artifacts") == "true" {
		f.Collect = append(f.Collect, filepath.Join(outputDir, "_artifacts"))
	}
	if data := flagValue("test.gocoverdir"); data != "" {
		f.Mkdir = append(f.Mkdir, resolve(cwd, data))
		f.Collect = append(f.Collect, resolve(cwd, data))
	}
	if flagValue("test.fuzz") != "" {
		corpus := resolve(cwd, flagValue("test.fuzzcachedir"))
		f.Mkdir = append(f.Mkdir, corpus)
		f.Bring = append(f.Bring, corpus)
		f.Collect = append(f.Collect, corpus, filepath.Join(dir, "testdata", "fuzz"))
	}
	for _, dir := range f.Collect {
		f.Mkdir = append(f.Mkdir, filepath.Dir(dir))
	}
	// An os.Exit(0) before the tests end must be seen, with the place that
	// called it, also where it is not the go command that started us.
	f.Args = append(f.Args, "-test.paniconexit0")
	f.Args = append(f.Args, forGuest(args)...)
	return f
}

// forGuest leaves out of a command line what the guest must not see: the log
// from which the go command would learn that a result may be cached, which
// knows nothing of kernels and modules, and what readTestFlags puts there.
func forGuest(args []string) []string {
	var kept []string
	for i := 0; i < len(args); i++ {
		if args[i] == "--" || !strings.HasPrefix(args[i], "-") {
			return append(kept, args[i:]...) // the flag package stops here, too
		}
		name, _, inline := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		takesValue := !inline && !isBool(name)
		drop := name == "test.testlogfile" || name == "test.outputdir" || name == "test.paniconexit0"
		if !drop {
			kept = append(kept, args[i])
		}
		if takesValue && i+1 < len(args) {
			i++
			if !drop {
				kept = append(kept, args[i])
			}
		}
	}
	return kept
}

func isBool(name string) bool {
	f := flag.Lookup(name)
	if f == nil {
		return true // flag.Parse would have refused it
	}
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

func flagValue(name string) string {
	if f := flag.Lookup(name); f != nil {
		return f.Value.String()
	}
	return ""
}

func resolve(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
