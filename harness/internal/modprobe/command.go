package modprobe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// IsCommand reports whether a program was started as modprobe, by its first argument.
func IsCommand(name string) bool { return filepath.Base(name) == "modprobe" }

// Main is the program modprobe(8), with its most used options. It returns the exit
// status: 0 or 1.
func Main(args []string) int {
	kind := ByProgram
	if args[0] == Path {
		kind = ByKernel
	}
	c, err := parseCommand(args[1:])
	if err == nil {
		err = c.run(kind)
	}
	if err == nil {
		return 0
	}
	if !c.quiet {
		fmt.Fprintln(os.Stderr, "modprobe:", err)
	}
	return 1
}

// command is a command line of modprobe.
type command struct {
	quiet, verbose, all, remove, dry, first bool

	names  []string
	params []string
}

// parseCommand reads the options, the names and the parameters.
func parseCommand(args []string) (command, error) {
	var c command
	options := true
	for _, arg := range args {
		switch {
		case options && arg == "--":
			options = false
		case options && strings.HasPrefix(arg, "-") && arg != "-":
			if err := c.option(arg); err != nil {
				return c, err
			}
		case len(c.names) == 0 || c.all || c.remove:
			c.names = append(c.names, arg)
		default:
			c.params = append(c.params, arg)
		}
	}
	if len(c.names) == 0 {
		return c, errors.New("no module was named")
	}
	return c, nil
}

// option reads an option, or several short ones in one word.
func (c *command) option(arg string) error {
	flags := map[string]*bool{
		"q": &c.quiet, "quiet": &c.quiet, "v": &c.verbose, "verbose": &c.verbose, "a": &c.all, "all": &c.all,
		"r": &c.remove, "remove": &c.remove, "n": &c.dry, "dry-run": &c.dry, "show": &c.dry, "first-time": &c.first,
		// Without a configuration and without a system log these change nothing.
		"b": new(bool), "use-blacklist": new(bool), "i": new(bool), "ignore-install": new(bool), "ignore-remove": new(bool),
		"s": new(bool), "syslog": new(bool),
	}
	words := []string{strings.TrimPrefix(arg, "--")}
	if !strings.HasPrefix(arg, "--") {
		words = strings.Split(arg[1:], "")
	}
	for _, word := range words {
		flag := flags[word]
		if flag == nil {
			return fmt.Errorf(`the modprobe of kmodtest has no option %s; harness.Config{Files: []string{"modprobe"}} brings that of the host`, arg)
		}
		*flag = true
	}
	return nil
}

func (c command) run(kind Kind) error {
	var errs []error
	for _, name := range c.names {
		errs = append(errs, c.runOne(kind, name))
	}
	return errors.Join(errs...)
}

func (c command) runOne(kind Kind, name string) error {
	if c.dry || c.remove || c.first {
		all, targets, err := Names(name)
		if errors.Is(err, ErrBuiltin) && !c.remove {
			return nil
		}
		if err != nil || c.dry {
			return err
		}
		if c.remove {
			return c.removeModules(all, targets)
		}
		for _, target := range targets {
			if loaded, err := Loaded(target); err != nil || loaded {
				return errors.Join(err, fmt.Errorf("module %s is loaded already", target))
			}
		}
	}
	loaded, err := Load(kind, name, c.params...)
	if c.verbose {
		c.print("loaded", loaded)
	}
	if errors.Is(err, ErrBuiltin) {
		return nil
	}
	return err
}

// removeModules unloads modules, and then those that only they needed.
func (c command) removeModules(all, targets []string) error {
	for _, target := range slices.Backward(targets) {
		loaded, err := Loaded(target)
		if err == nil && !loaded && c.first {
			err = errors.New("it is not loaded")
		}
		if err == nil && loaded {
			err = Unload(target, 0)
		}
		if err != nil {
			return fmt.Errorf("unload module %s: %w", target, err)
		}
	}
	var unloaded []string
	for _, name := range slices.Backward(all) {
		// The others are in use, or not loaded.
		if err := Unload(name, 0); err == nil {
			unloaded = append(unloaded, name)
		} else if errors.Is(err, unix.EPERM) {
			return fmt.Errorf("unload module %s: %w", name, err)
		}
	}
	if c.verbose {
		c.print("unloaded", append(targets, unloaded...))
	}
	return nil
}

func (c command) print(what string, modules []string) {
	for _, name := range modules {
		_, _ = io.WriteString(os.Stdout, what+" "+name+"\n") // an error cannot be reported anywhere
	}
}
