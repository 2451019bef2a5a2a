package lsm

import (
	"path/filepath"

	"c1z/interop/internal/report"
)

// Hash opens every source read-only with the SDK's options and prints what it holds.
// With expect, a kv.ndjson(.gz), the content must also equal that file.
func Hash(out *report.Lines, sources []string, expect string) error {
	for _, source := range sources {
		err := inScratch(func(scratch string) error {
			return hashOne(out, source, filepath.Join(scratch, "db"), expect)
		})
		if err != nil {
			out.Emit(report.Fields{"kind": "error", "path": source, "error": err.Error()})
			return err
		}
	}
	return nil
}

func hashOne(out *report.Lines, source, dir, expect string) error {
	if err := copyOf(source, dir); err != nil {
		return err
	}
	db, err := openCopy(dir, true)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	sum, levels, err := scan(db, nil)
	if err != nil {
		return err
	}
	if expect != "" {
		wanted, err := loadContent(expect)
		if err != nil {
			return err
		}
		if err := verify("expected content", db, wanted); err != nil {
			return err
		}
	}
	out.Emit(report.Merge(sum.fields(), report.Fields{
		"kind": "pebble_hash", "path": source, "format": uint64(db.FormatMajorVersion()),
		"level_points": levels.NumPoints, "level_tombstones": levels.NumTombstones,
	}))
	return nil
}
