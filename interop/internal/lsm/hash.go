package lsm

import (
	"path/filepath"
	"strings"

	"c1z/interop/internal/report"
)

// HashPlan says what the content must equal.
type HashPlan struct {
	// Expect is a kv.ndjson(.gz); empty: nothing.
	Expect string
	// Beside takes the list that lies beside each source: `D/kv.ndjson.gz` for `D/db`,
	// `F.kv.ndjson.gz` for `F.c1z`.
	Beside bool
}

func (p HashPlan) listOf(source string) string {
	switch {
	case !p.Beside:
		return p.Expect
	case strings.HasSuffix(source, ".c1z"):
		return strings.TrimSuffix(source, ".c1z") + ".kv.ndjson.gz"
	default:
		return filepath.Join(filepath.Dir(filepath.Clean(source)), "kv.ndjson.gz")
	}
}

// Hash opens every source read-only with the SDK's options, scans it both ways, checks
// its levels and prints what it holds.
func Hash(out *report.Lines, sources []string, plan HashPlan) error {
	for _, source := range sources {
		err := inScratch(func(scratch string) error {
			return hashOne(out, source, filepath.Join(scratch, "db"), plan.listOf(source))
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
