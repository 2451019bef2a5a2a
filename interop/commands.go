package main

import (
	"flag"

	"c1z/interop/internal/lsm"
	"c1z/interop/internal/report"
	"c1z/interop/internal/sqlfile"
	"c1z/interop/internal/store"
)

type action = func(out *report.Lines, args []string) error

var commands = []command{
	{name: "pebble-hash", args: "SOURCE...", about: "read a database both ways, check its levels, hash it",
		least: 1, setup: pebbleHash},
	{name: "pebble-exercise", args: "SOURCE...", about: "write to a copy, check each step, leave a checkpoint",
		least: 1, setup: pebbleExercise},
	{name: "pebble-refused", args: "DIR...", about: "check that the engine opens no copy and changes none",
		least: 1, setup: pebbleRefused},
	{name: "pebble-make", args: "OUT", about: "make databases of many shapes", least: 1, setup: pebbleMake},
	{name: "c1z-dump", args: "FILE", about: "print all that the SDK's store answers about a file",
		least: 1, setup: c1zDump},
	{name: "c1z-make", args: "OUT", about: "write a new file with one sync", least: 1, setup: c1zMake},
	{name: "c1z-edit", args: "FILE OUT", about: "edit a copy of a file and save it", least: 2, setup: c1zEdit},
	{name: "c1z-resume", args: "FILE OUT", about: "finish the unfinished sync of a copy of a file",
		least: 2, setup: c1zResume},
	{name: "c1z-exercise", args: "FILE...", about: "dump files, edit, end and resume copies of them, dump those",
		least: 1, setup: c1zExercise},
	{name: "c1z-many", args: "OUT", about: "make files, merges of them and differences of syncs, by the SDK",
		least: 1, setup: c1zMany},
	{name: "sqlite-check", args: "FILE...", about: "check a v1 file or a raw SQLite file",
		least: 1, setup: sqliteCheck},
	{name: "bench-load", about: "time a bare load of grants and their index keys", setup: benchLoad},
	{name: "bench-read", args: "FILE...", about: "time reads of a file", least: 1, setup: benchRead},
	{name: "version", about: "versions of the engines that are built in", setup: version},
	{name: "dump-same", args: "LIST", about: "dump files and compare each with the dump it must give",
		least: 1, setup: dumpSame},
	{name: "dump-diff", args: "EXPECTED FOUND", about: "compare two dumps", least: 2, setup: dumpDiff},
}

func pebbleHash(flags *flag.FlagSet) action {
	var plan lsm.HashPlan
	flags.StringVar(&plan.Expect, "expect", "", "kv.ndjson(.gz) with the content that must be found")
	flags.BoolVar(&plan.Beside, "beside", false, "the content is in the list beside each source")
	return func(out *report.Lines, args []string) error {
		return lsm.Hash(out, args, plan)
	}
}

func pebbleExercise(flags *flag.FlagSet) action {
	var plan lsm.ExercisePlan
	flags.Uint64Var(&plan.Seed, "seed", 1, "seed of the first source, then one more for each")
	flags.StringVar(&plan.Out, "out", "exercised", "folder for checkpoints and their content")
	flags.IntVar(&plan.Batches, "batches", 20, "batches of up to 60 operations in the write step")
	return func(out *report.Lines, args []string) error {
		return lsm.Exercise(out, args, plan)
	}
}

func pebbleRefused(*flag.FlagSet) action {
	return func(out *report.Lines, args []string) error { return lsm.Refused(out, args) }
}

func pebbleMake(flags *flag.FlagSet) action {
	var plan lsm.MakePlan
	flags.Uint64Var(&plan.Seed, "seed", 1, "seed of the first database of each shape")
	flags.IntVar(&plan.Count, "count", 1, "databases of each shape")
	flags.StringVar(&plan.Shape, "shape", "all", "one of: "+lsm.ShapeNames())
	return func(out *report.Lines, args []string) error {
		plan.Out = args[0]
		return lsm.Make(out, plan)
	}
}

func c1zDump(flags *flag.FlagSet) action {
	var plan store.DumpPlan
	flags.BoolVar(&plan.Hash, "hash", false, "id and SHA-256 of rows instead of the rows")
	return func(out *report.Lines, args []string) error {
		return store.Dump(out, args[0], plan)
	}
}

func dumpDiff(flags *flag.FlagSet) action {
	var plan store.ComparePlan
	flags.BoolVar(&plan.Strict, "strict", false, "refuse lookups that one side alone has")
	flags.BoolVar(&plan.AnyOrder, "any-order", false, "ignore the order of lists")
	flags.BoolVar(&plan.SkipUnnamed, "skip-unnamed", false, "leave out views that name no sync")
	return func(out *report.Lines, args []string) error {
		return store.Compare(out, args[0], args[1], plan)
	}
}

func dumpSame(flags *flag.FlagSet) action {
	return func(out *report.Lines, args []string) error { return store.Same(out, args[0]) }
}

func c1zExercise(flags *flag.FlagSet) action {
	var plan store.ExercisePlan
	flags.Uint64Var(&plan.Seed, "seed", 1, "seed of the edits of the first file, then one more for each")
	flags.StringVar(&plan.Out, "out", "exercised", "folder for the edited files and all dumps")
	return func(out *report.Lines, args []string) error {
		return store.Exercise(out, args, plan)
	}
}

func c1zMake(flags *flag.FlagSet) action {
	var plan store.MakePlan
	flags.StringVar(&plan.Engine, "engine", "pebble", "sqlite (v1) or pebble (v3)")
	flags.Uint64Var(&plan.Seed, "seed", 1, "seed of the data")
	flags.IntVar(&plan.Grants, "grants", 1000, "grants to write")
	flags.BoolVar(&plan.Unfinished, "unfinished", false, "save with a checkpoint, do not end the sync")
	flags.BoolVar(&plan.Odd, "odd", false, "odd ids, texts, references and annotations")
	flags.IntVar(&plan.Syncs, "syncs", 1, "syncs of odd rows; a v3 file holds one")
	return func(out *report.Lines, args []string) error {
		return store.Make(out, args[0], plan)
	}
}

func c1zEdit(flags *flag.FlagSet) action {
	var plan store.EditPlan
	flags.Uint64Var(&plan.Seed, "seed", 1, "seed of the edits")
	flags.IntVar(&plan.Count, "count", 5, "edits of each kind")
	flags.BoolVar(&plan.End, "end", false, "end the sync before the save")
	return func(out *report.Lines, args []string) error {
		return store.Edit(out, args[0], args[1], plan)
	}
}

func c1zResume(*flag.FlagSet) action {
	return func(out *report.Lines, args []string) error {
		return store.Resume(out, args[0], args[1])
	}
}

func c1zMany(flags *flag.FlagSet) action {
	var plan store.ManyPlan
	flags.IntVar(&plan.Count, "count", 10, "cases of each kind")
	flags.Uint64Var(&plan.Seed, "seed", 1, "seed of the first case")
	return func(out *report.Lines, args []string) error { return store.Many(out, args[0], plan) }
}

func sqliteCheck(flags *flag.FlagSet) action {
	var plan sqlfile.CheckPlan
	flags.BoolVar(&plan.Rows, "rows", false, "print every row")
	flags.StringVar(&plan.Expect, "expect", "", "sqlite-rows.ndjson(.gz) that must be found")
	flags.StringVar(&plan.Shell, "shell", "", "path of a sqlite3 shell that must agree")
	return func(out *report.Lines, args []string) error {
		return each(args, func(path string) error { return sqlfile.Check(out, path, plan) })
	}
}

func benchLoad(flags *flag.FlagSet) action {
	var plan lsm.LoadPlan
	flags.IntVar(&plan.Rows, "rows", 1_000_000, "grants, of five keys each")
	flags.IntVar(&plan.Batch, "batch", 10_000, "grants in a batch")
	flags.Uint64Var(&plan.Seed, "seed", 1, "seed of the data")
	flags.BoolVar(&plan.Compact, "compact", false, "compact everything at the end")
	return func(out *report.Lines, _ []string) error { return lsm.Load(out, plan) }
}

func benchRead(*flag.FlagSet) action {
	return func(out *report.Lines, args []string) error {
		return each(args, func(path string) error { return store.Bench(out, path) })
	}
}

func each(args []string, act func(string) error) error {
	for _, arg := range args {
		if err := act(arg); err != nil {
			return err
		}
	}
	return nil
}
