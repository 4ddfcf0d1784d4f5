package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kmodtest/kmodtest/harness/internal/doctor"
)

func doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Examine this host, and say what a run of tests would miss",
		Long: "Look at this host as a run of tests in the current directory would, with the same environment variables, and print\n" +
			"what is missing and the command that mends it. Nothing is changed. The exit status is 1 if a run would fail.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			findings := doctor.ThisHost(".").Examine(cmd.Context())
			write := writeFindings
			if asJSON {
				write = writeFindingsJSON
			}
			if err := write(cmd.OutOrStdout(), findings); err != nil {
				return err
			}
			if !doctor.Works(findings) {
				return errors.New("a run would fail on this host")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func writeFindingsJSON(w io.Writer, findings []doctor.Finding) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(findings)
}

func writeFindings(w io.Writer, findings []doctor.Finding) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	var errs []error
	for _, f := range findings {
		_, err := fmt.Fprintf(table, "%s\t%s\t%s\n", f.State, f.Check, f.Found)
		errs = append(errs, err)
		if f.Remedy != "" {
			_, err = fmt.Fprintf(table, "\t\t→ %s\n", f.Remedy)
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, table.Flush())...)
}
