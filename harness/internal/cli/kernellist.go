package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kmodtest/kmodtest/images"
	"github.com/kmodtest/kmodtest/images/arch"
)

// listed is a kernel in the output of kernel list --json. docs/kernels.md documents its fields.
type listed struct {
	Name    string `json:"name"`
	Arch    string `json:"arch"`
	Default bool   `json:"default"`
	About   string `json:"about"`
	Built   bool   `json:"built"`
	Source  string `json:"source"`
	State   string `json:"state"`
	Release string `json:"release"`
	Version string `json:"version"`
	Size    int64  `json:"size"`
	Objects int    `json:"objects"`
	Key     string `json:"key"`
}

func listCommand() *cobra.Command {
	var asJSON, names, prebuilt, built bool
	var arches string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the kernels that have a name",
		Long: "List the kernels that have a name: the release, the source, whether the kernel is in the cache, and its size there.\n" +
			"A kernel that is absent is fetched or built when it is first used. * marks the default. Names of kernels for another\n" +
			"architecture than the host's end with it, as in 6.1@arm64.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := images.List(cmd.Context(), images.Options{})
			if err != nil {
				return err
			}
			chosen := []listed{}
			for _, s := range all {
				if ok, err := images.MatchName("*@"+arches, s.Row.Name); err != nil {
					return fmt.Errorf("choose architectures by %q: %w", arches, err)
				} else if !ok {
					continue
				}
				if fromSource := s.Row.Source != nil; prebuilt && fromSource || built && !fromSource || (prebuilt || built) && s.Row.Extra {
					continue
				}
				chosen = append(chosen, listed{
					Name: s.Row.Name, Arch: s.Row.Arch, Default: s.Row.Default, About: s.Row.About, Built: s.Row.Source != nil, Source: s.Source,
					State: string(s.State), Release: s.Release, Version: s.Version, Size: s.Size, Objects: s.Objects, Key: s.Key,
				})
			}
			switch {
			case asJSON:
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(chosen)
			case names:
				return writeNames(cmd.OutOrStdout(), chosen)
			default:
				return writeTable(cmd.OutOrStdout(), chosen)
			}
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&names, "names", false, "print only names")
	cmd.Flags().BoolVar(&prebuilt, "prebuilt", false, "list only kernels that are fetched ready to boot, without extra ones")
	cmd.Flags().StringVar(&arches, "arch", arch.Host().Name, "list the kernels for an architecture, or for several: a pattern, such as '*'")
	cmd.Flags().BoolVar(&built, "built", false, "list only kernels that are built from source, without extra ones")
	cmd.MarkFlagsMutuallyExclusive("json", "names")
	cmd.MarkFlagsMutuallyExclusive("prebuilt", "built")
	return cmd
}

func writeNames(w io.Writer, kernels []listed) error {
	var errs []error
	for _, k := range kernels {
		_, err := fmt.Fprintln(w, k.Name)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func writeTable(w io.Writer, kernels []listed) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, err := fmt.Fprintln(table, "NAME\tRELEASE\tSOURCE\tSTATE\tSIZE")
	errs := []error{err}
	for _, k := range kernels {
		name, release, source, size := k.Name, k.Release, k.Source, "-"
		if k.Default {
			name += " *"
		}
		if release == "" {
			release = "-"
		}
		if k.Version != "" {
			source += " " + k.Version
		}
		if k.Size > 0 {
			size = megabytes(k.Size)
		}
		_, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", name, release, source, k.State, size)
		errs = append(errs, err)
	}
	return errors.Join(append(errs, table.Flush())...)
}

func megabytes(n int64) string { return fmt.Sprintf("%d MB", (n+999_999)/1_000_000) }
