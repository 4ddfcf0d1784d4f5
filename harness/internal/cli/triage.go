package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kmodtest/kmodtest/harness/internal/exitstatus"
	"github.com/kmodtest/kmodtest/harness/internal/klog"
	"github.com/kmodtest/kmodtest/harness/internal/klog/symbols"
	"github.com/kmodtest/kmodtest/images/cache"
)

type triage struct {
	json    bool
	vmlinux string
	modules []string
}

func triageCommand() *cobra.Command {
	var t triage
	cmd := &cobra.Command{
		Use:   "triage [FILE]",
		Short: "Find faults in a kernel log",
		Long: "Find the faults that a kernel reported in FILE, or on standard input: a console log, the output of dmesg in any of its forms,\n" +
			"a syslog file, the output of journalctl, or records of /dev/kmsg.\n\n" +
			"Files and lines of modules come from the debug information of the .ko files that --module names, or that the harness has\n" +
			"built for the kernel in the log; those of the kernel come from --vmlinux.\n\n" +
			"The exit status is 0 if there is no fault, 255 if there is one, and 69 if an input cannot be read.",
		Args: cobra.MaximumNArgs(1),
		RunE: t.run,
	}
	cmd.Flags().BoolVar(&t.json, "json", false, "print an array of objects with kind, title, report, line and frames")
	cmd.Flags().StringVar(&t.vmlinux, "vmlinux", "", "the vmlinux file of the kernel, with debug information")
	cmd.Flags().StringArrayVar(&t.modules, "module", nil, "a .ko file with debug information; may be repeated")
	return cmd
}

func (t *triage) run(cmd *cobra.Command, args []string) error {
	text, err := readLog(cmd.InOrStdin(), args)
	if err != nil {
		return &statusError{exitstatus.HostBroke, err}
	}
	table, err := t.symbols()
	if err != nil {
		return &statusError{exitstatus.HostBroke, err}
	}
	faults := klog.ConsoleFaults(text)
	for i := range faults {
		table.Resolve(&faults[i])
	}
	if t.json {
		err = writeJSON(cmd.OutOrStdout(), faults)
	} else {
		err = writeFaults(cmd.OutOrStdout(), faults)
	}
	if err != nil {
		return &statusError{exitstatus.HostBroke, fmt.Errorf("write faults: %w", err)}
	}
	if len(faults) > 0 {
		what := "a fault"
		if len(faults) > 1 {
			what = fmt.Sprintf("%d faults", len(faults))
		}
		return &statusError{exitstatus.KernelFault, errors.New("the kernel reported " + what)}
	}
	return nil
}

func readLog(stdin io.Reader, args []string) (string, error) {
	if len(args) == 0 {
		b, err := io.ReadAll(stdin)
		if err != nil {
			return "", fmt.Errorf("read log from standard input: %w", err)
		}
		return string(b), nil
	}
	b, err := os.ReadFile(args[0])
	if err != nil {
		return "", fmt.Errorf("read log: %w", err)
	}
	return string(b), nil
}

// symbols returns the files that the flags name, then the modules that the harness
// has built.
func (t *triage) symbols() (*symbols.Table, error) {
	var table symbols.Table
	paths := t.modules
	if t.vmlinux != "" {
		paths = append(slices.Clip(paths), t.vmlinux)
		table.SetKernel(t.vmlinux)
	}
	if err := table.Check(paths...); err != nil {
		return nil, err
	}
	for _, path := range t.modules {
		table.AddModule(path)
	}
	dir, err := cache.Dir()
	if err != nil {
		return nil, err
	}
	return &table, table.AddCache(dir)
}

func writeJSON(w io.Writer, faults []klog.Fault) error {
	type document struct {
		klog.Fault
		Line   int    `json:"line"` // of the log, from 1
		Report string `json:"report"`
	}
	documents := []document{}
	for _, f := range faults {
		if f.Frames == nil {
			f.Frames = []klog.Frame{}
		}
		documents = append(documents, document{f, f.At + 1, strings.Join(f.Report, "\n")})
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "\t")
	return encoder.Encode(documents)
}

func writeFaults(w io.Writer, faults []klog.Fault) error {
	for i, f := range faults {
		var b strings.Builder
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s: %s (line %d)\n", f.Kind, f.Title, f.At+1)
		for _, frame := range f.Frames {
			if !frame.Guess {
				fmt.Fprintf(&b, "    %s\n", frame)
			}
		}
		fmt.Fprintf(&b, "\n%s\n", strings.Join(f.Report, "\n"))
		if _, err := io.WriteString(w, b.String()); err != nil {
			return err
		}
	}
	return nil
}
