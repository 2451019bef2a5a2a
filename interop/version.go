package main

import (
	"errors"
	"flag"
	"runtime/debug"
	"slices"

	"c1z/interop/internal/report"
	"c1z/interop/internal/sqlfile"
)

// engineModules are the modules whose versions decide what is checked against.
var engineModules = []string{
	"github.com/cockroachdb/pebble/v2",
	"github.com/conductorone/baton-sdk",
	"github.com/klauspost/compress",
	"google.golang.org/protobuf",
	"modernc.org/sqlite",
}

func version(*flag.FlagSet) action {
	return func(out *report.Lines, _ []string) error {
		info, ok := debug.ReadBuildInfo()
		if !ok {
			return errors.New("built without module information")
		}
		sqlite, err := sqlfile.Version()
		line := report.Fields{"kind": "version", "go": info.GoVersion, "sqlite": sqlite}
		for _, module := range info.Deps {
			if slices.Contains(engineModules, module.Path) {
				line[module.Path] = module.Version
			}
		}
		out.Emit(line)
		return err
	}
}
