package lsm

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// run does the steps in turn until one fails.
func run(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func fillSmall(m *maker) error { return m.fill(20 + m.rng.IntN(100)) }

func fillBulk(m *maker) error {
	return run(func() error { return m.fill(3000 + m.rng.IntN(5000)) }, m.db.Flush, m.compactAll)
}

// fillLarge ingests a table so large that the SDK's block sizes need a two-level index.
func fillLarge(m *maker) error {
	return run(
		func() error { return m.ingest(90_000) }, func() error { return m.churn(5, false) },
	)
}

// fillMany leaves data on the lowest level and newer data above it.
func fillMany(m *maker) error {
	return run(
		func() error { return m.fill(500 + m.rng.IntN(1500)) }, m.db.Flush, m.compactAll,
		func() error { return m.churn(5, true) }, m.db.Flush,
	)
}

func fillOverlap(m *maker) error {
	return run(func() error { return m.fill(200) }, func() error {
		for range 3 + m.rng.IntN(5) {
			err := run(func() error { return m.rewrite(60) }, m.db.Flush)
			if err != nil {
				return err
			}
		}
		return m.churn(2, false)
	})
}

func fillRangeDeletes(m *maker) error {
	return run(fillManyOf(m), func() error {
		for range 4 + m.rng.IntN(8) {
			err := run(
				func() error { return m.deleteSpan(m.db) },
				func() error { return m.fill(m.rng.IntN(30)) },
			)
			if err != nil {
				return err
			}
			if m.chance(50) {
				if err := m.db.Flush(); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func fillManyOf(m *maker) func() error { return func() error { return fillMany(m) } }

func fillIngest(m *maker) error {
	return run(fillManyOf(m), func() error {
		for range 2 + m.rng.IntN(4) {
			err := run(
				func() error { return m.ingest(1 + m.rng.IntN(300)) },
				func() error { return m.batch(20) },
			)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// fillVirtual cuts tables by excises, so that several virtual tables share a backing.
func fillVirtual(m *maker) error {
	return run(fillManyOf(m), func() error {
		for range 2 + m.rng.IntN(5) {
			if err := m.excise(m.rng.IntN(3) * m.rng.IntN(100)); err != nil {
				return err
			}
			if m.chance(40) {
				if err := run(func() error { return m.batch(30) }, m.db.Flush); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// fillTail leaves flushed data and newer writes that are in the log only.
func fillTail(m *maker) error {
	return run(fillManyOf(m), func() error { return m.batch(20 + m.rng.IntN(100)) })
}

// fillHeld writes several memtables while no flush can finish.
func fillHeld(m *maker) error {
	return run(
		func() error { return m.fill(50) }, m.db.Flush,
		func() error { m.files.hold(); return nil },
		func() error { return m.fill(300 + m.rng.IntN(500)) },
		func() error { return m.batch(100) },
	)
}

// fillHeldIngest ingests tables over unflushed data: the log names the tables.
func fillHeldIngest(m *maker) error {
	return run(
		fillManyOf(m), func() error { return m.batch(50) },
		func() error { m.files.hold(); return nil },
		func() error { return m.ingest(50) },
		func() error { return m.batch(30) },
	)
}

// fillRecycled flushes so often that the live log reuses the file of an older one.
func fillRecycled(m *maker) error {
	for range 4 + m.rng.IntN(4) {
		if err := run(func() error { return m.fill(200) }, m.db.Flush); err != nil {
			return err
		}
	}
	return m.batch(1 + m.rng.IntN(20))
}

func fillMixed(m *maker) error {
	return run(
		fillManyOf(m), func() error { return m.churn(4, true) },
		func() error { return fillIngest(m) }, func() error { return fillVirtual(m) },
		func() error { return m.churn(4, true) },
	)
}

// fillVersions compacts under open snapshots, so that tables hold several versions of a
// key, and older values move to value blocks.
func fillVersions(m *maker) (err error) {
	if err := fillSmall(m); err != nil {
		return err
	}
	for range 3 {
		snapshot := m.db.NewSnapshot()
		defer func() { err = errors.Join(err, snapshot.Close()) }()
		err := run(func() error { return m.rewrite(70) }, func() error { return m.batch(40) })
		if err != nil {
			return err
		}
	}
	return run(m.db.Flush, m.compactAll)
}

// fillMerge leaves merge operands with and without a base; the merger concatenates.
func fillMerge(m *maker) error {
	if err := fillSmall(m); err != nil {
		return err
	}
	for range 200 {
		key, operand := m.someKey(), m.value()
		m.live[key] = append(append([]byte{}, m.live[key]...), operand...)
		if err := m.db.Merge([]byte(key), operand, pebble.NoSync); err != nil {
			return err
		}
		if m.chance(5) {
			if err := run(m.db.Flush, func() error { return m.batch(10) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// fillTombstones leaves sized and single deletes beside the plain ones.
func fillTombstones(m *maker) error {
	return run(func() error { return m.fill(300) }, m.db.Flush, m.compactAll, func() error {
		for i, key := range m.live.sortedKeys() {
			var err error
			switch size := uint32(len(m.live[key])); i % 4 {
			case 0:
				err = m.db.DeleteSized([]byte(key), size, pebble.NoSync)
			case 1:
				err = m.db.SingleDelete([]byte(key), pebble.NoSync)
			default:
				continue
			}
			if err != nil {
				return err
			}
			delete(m.live, key)
		}
		return m.db.Flush()
	}, func() error { return m.fill(50) })
}
