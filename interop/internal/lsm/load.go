package lsm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2"

	"c1z/interop/internal/report"
)

// LoadPlan says how much a bare load writes.
type LoadPlan struct {
	Rows    int
	Batch   int
	Seed    uint64
	Compact bool // rewrite everything into the lowest level at the end
}

// Load times a bare load with the SDK's options: of each grant one primary key with a
// value of about 300 bytes and four empty index keys, in the order of a connector.
func Load(out *report.Lines, plan LoadPlan) error {
	return inScratch(func(scratch string) error {
		dir := filepath.Join(scratch, "db")
		before := report.BytesWritten()
		whole := report.Start()
		db, err := pebble.Open(dir, sdkOptions())
		if err != nil {
			return err
		}
		err = errors.Join(loadPhases(out, db, plan), db.Close())
		if err != nil {
			return err
		}
		size, err := report.DirSize(dir)
		out.Emit(report.Merge(whole.Fields(), report.Fields{
			"kind": "bench_load", "rows": plan.Rows, "batch": plan.Batch, "seed": plan.Seed,
			"peak_rss": report.PeakRSS(), "written_bytes": report.BytesWritten() - before,
			"disk_bytes": size,
		}))
		return err
	})
}

func loadPhases(out *report.Lines, db *pebble.DB, plan LoadPlan) error {
	phase := func(name string, act func() error) error {
		watch := report.Start()
		err := act()
		out.Emit(report.Merge(watch.Fields(), report.Fields{"kind": "phase", "phase": name}))
		return err
	}
	if err := phase("load", func() error { return loadRows(db, plan) }); err != nil {
		return err
	}
	if err := phase("flush", db.Flush); err != nil || !plan.Compact {
		return err
	}
	w := newWriter(newRand(plan.Seed, "load"), db, content{"": nil})
	return phase("compact", w.compactAll)
}

func loadRows(db *pebble.DB, plan LoadPlan) error {
	rng := newRand(plan.Seed, "load")
	value := make([]byte, 0, 400)
	var keys [5][]byte
	for start := 0; start < plan.Rows; start += plan.Batch {
		batch := db.NewBatch()
		for i := start; i < min(start+plan.Batch, plan.Rows); i++ {
			value = grantRow(rng, i, plan.Rows, &keys, value[:0])
			if err := batch.Set(keys[0], value, nil); err != nil {
				return err
			}
			for _, key := range keys[1:] {
				if err := batch.Set(key, nil, nil); err != nil {
					return err
				}
			}
		}
		if err := batch.Commit(pebble.NoSync); err != nil {
			return err
		}
	}
	return nil
}

// grantRow builds the five keys and the value of one grant. Group by group, each with
// principals in no order, as connectors list them.
func grantRow(rng *rand.Rand, i, rows int, keys *[5][]byte, value []byte) []byte {
	group, user := i/500, rng.IntN(max(10, rows/10))
	entitlement := fmt.Sprintf("group\x00group-%08d\x001\x00member", group)
	principal := fmt.Sprintf("user\x00user-%08d-%08x", user, i)
	keys[0] = append(append(append(keys[0][:0], 3, 4, 0), entitlement...), "\x00"+principal...)
	keys[1] = append(append(append(keys[1][:0], 3, 7, 4, 0), principal...), "\x00"+entitlement...)
	keys[2] = append(append(append(keys[2][:0], 3, 7, 5, 0), entitlement...), "\x00"+principal...)
	keys[3] = append(append(append(keys[3][:0], 3, 7, 6, 0), "user\x00"...), keys[0][3:]...)
	hash := binary.BigEndian.AppendUint64(nil, rng.Uint64())
	keys[4] = append(append(append(keys[4][:0], 3, 7, 8, 0), entitlement...), hash...)
	keys[4] = append(keys[4], principal...)
	value = fmt.Appendf(value, "group:group-%08d:member:user:user-%08d-%08x", group, user, i)
	value = append(value, keys[0][3:]...)
	value = fmt.Appendf(value, "type.googleapis.com/c1.connector.v2.GrantMetadata"+
		" ticket T-%07d granted_by admin-%03d ", rng.IntN(10_000_000), rng.IntN(1000))
	for len(value) < 300 {
		value = append(value, "type.googleapis.com/c1.connector.v2.GrantImmutable "...)
	}
	return value[:300]
}
