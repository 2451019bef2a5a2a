package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"c1z/interop/internal/report"
)

// ExercisePlan says where the copies go.
type ExercisePlan struct {
	Seed uint64
	Out  string
}

// Exercise links every file into Out and dumps it. A copy of a file with a finished sync is
// edited (`NAME.edited.c1z`), another one edited and ended again (`NAME.sealed.c1z`); a
// copy of one with an unfinished sync is resumed and ended (`NAME.resumed.c1z`). What the
// SDK answers about each stands beside it in `NAME.dump.ndjson.gz`.
func Exercise(out *report.Lines, files []string, plan ExercisePlan) error {
	if err := os.MkdirAll(plan.Out, 0o755); err != nil {
		return err
	}
	for i, file := range files {
		seed := plan.Seed + uint64(i)
		if err := exerciseOne(out, file, seed, plan.Out); err != nil {
			err = fmt.Errorf("path=`%s` seed=`%d`: %w", file, seed, err)
			out.Emit(report.Fields{"kind": "error", "error": err.Error()})
			return err
		}
	}
	return nil
}

func exerciseOne(out *report.Lines, file string, seed uint64, folder string) error {
	base := filepath.Join(folder, strings.TrimSuffix(filepath.Base(file), ".c1z"))
	if err := errors.Join(copyFile(file, base+".c1z"), dumpBeside(base)); err != nil {
		return err
	}
	finished, err := isFinished(file)
	if err != nil {
		return err
	}
	if !finished {
		err := Resume(out, file, base+".resumed.c1z")
		return errors.Join(err, dumpBeside(base+".resumed"))
	}
	for _, end := range []bool{false, true} {
		target := base + map[bool]string{false: ".edited", true: ".sealed"}[end]
		err := Edit(out, file, target+".c1z", EditPlan{Seed: seed, Count: 5, End: end})
		if err = errors.Join(err, dumpBeside(target)); err != nil {
			return err
		}
	}
	return nil
}

// dumpBeside dumps `base.c1z` into `base.dump.ndjson.gz`.
func dumpBeside(base string) error {
	return dumpTo(base+".c1z", base+".dump.ndjson.gz")
}

func dumpTo(file, target string) (err error) {
	text, err := report.CreateText(target)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, text.Close()) }()
	lines := report.NewLines(text)
	return errors.Join(Dump(lines, file, DumpPlan{}), lines.Err())
}

func isFinished(file string) (finished bool, err error) {
	ctx := context.Background()
	s, err := openFile(ctx, file, true)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	runs, err := syncRuns(ctx, s)
	if err != nil || len(runs) == 0 {
		return false, errors.Join(err, errors.New("no sync to exercise"))
	}
	return runs[len(runs)-1].EndedAt != nil, nil
}

// Same dumps files and compares each with the dump that it must give, be it that the file
// cannot be opened. Lines of the list are `FILE<tab>DUMP`. What a reader sees that names no
// sync is left out, for it depends on the clock.
func Same(out *report.Lines, list string) error {
	differ := 0
	err := report.EachLine(list, func(line []byte) error {
		file, expected, ok := strings.Cut(string(line), "\t")
		if !ok {
			return fmt.Errorf("not FILE<tab>DUMP line=`%s`", line)
		}
		found := file + ".found.ndjson"
		_ = dumpTo(file, found) // a refusal is an answer too
		err := Compare(out, expected, found, ComparePlan{Strict: true, SkipUnnamed: true})
		if errors.Is(err, report.ErrDiffers) {
			differ++
			return nil
		}
		return errors.Join(err, os.Remove(found))
	})
	if err == nil && differ > 0 {
		err = report.ErrDiffers
	}
	return err
}
