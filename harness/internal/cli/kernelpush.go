package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kmodtest/kmodtest/images"
)

func pushCommand() *cobra.Command {
	var root bool
	cmd := &cobra.Command{
		Use:   "push NAME oci://REGISTRY/REPOSITORY:TAG",
		Short: "Store a kernel as an image in a registry",
		Long: "Store a kernel as an image in a registry of containers, and print the address with the image's digest, which a kernel row\n" +
			"with [kernel.oci] can name. If the kernel is not in the cache, fetch or build it first. The passwords are those of\n" +
			"docker login and podman login.",
		Example: "  kmodtest kernel push lts oci://registry.example.com/team/kernels:lts",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			address, err := images.Push(cmd.Context(), args[0], args[1], root, images.Options{Progress: cmd.ErrOrStderr()})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), address)
			return err
		},
	}
	cmd.Flags().BoolVar(&root, "root", false, "also store the compiler and libraries for its modules, for systems whose own do not fit; only for fetched kernels")
	return cmd
}
