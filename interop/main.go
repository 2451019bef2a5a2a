// Command c1zcheck is a test tool. It checks files and databases of this project with
// the original engine, built from published Go modules, and makes files and databases
// with that engine for this project's readers. It is never shipped.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"c1z/interop/internal/report"
)

// command is one subcommand. setup declares its flags and returns what runs it with
// the arguments that are not flags.
type command struct {
	name  string
	args  string
	about string
	least int // arguments needed
	setup func(flags *flag.FlagSet) func(out *report.Lines, args []string) error
}

func main() {
	time.Local = time.UTC // v1 files hold local times
	if len(os.Args) < 2 {
		usage()
	}
	at := slices.IndexFunc(commands, func(c command) bool { return c.name == os.Args[1] })
	if at < 0 {
		usage()
	}
	os.Exit(commands[at].run(os.Args[2:]))
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: c1zcheck COMMAND ARGUMENTS... [FLAGS]")
	for _, c := range commands {
		fmt.Fprintf(os.Stderr, "  %-15s %-12s %s\n", c.name, c.args, c.about)
	}
	os.Exit(2)
}

// run returns the exit code: 0, or 1 when a check failed.
func (c command) run(arguments []string) int {
	flags := flag.NewFlagSet(c.name, flag.ExitOnError)
	act := c.setup(flags)
	args := splitArgs(flags, arguments)
	if len(args) < c.least {
		fmt.Fprintf(os.Stderr, "usage: c1zcheck %s %s [FLAGS]\n", c.name, c.args)
		flags.PrintDefaults()
		return 2
	}
	fmt.Fprintf(os.Stderr, "c1zcheck %s %q\n", c.name, arguments)
	buffer := bufio.NewWriterSize(os.Stdout, 1<<16)
	out := report.NewLines(buffer)
	if err := errors.Join(act(out, args), out.Err(), buffer.Flush()); err != nil {
		fmt.Fprintf(os.Stderr, "c1zcheck %s: %v\n", c.name, err)
		return 1
	}
	return 0
}

// splitArgs lets flags stand before, between and after the arguments.
func splitArgs(flags *flag.FlagSet, arguments []string) (args []string) {
	for {
		_ = flags.Parse(arguments) // exits on an error
		if flags.NArg() == 0 {
			return args
		}
		args = append(args, flags.Arg(0))
		arguments = flags.Args()[1:]
	}
}
