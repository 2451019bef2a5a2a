package lsm

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"c1z/interop/internal/report"
)

// scan reads a whole database forward and backward, checks that both ways agree and
// that its levels are sound, and returns what it holds. keep receives every entry of
// the forward pass and may be nil.
func scan(db *pebble.DB, keep content) (digest, pebble.CheckLevelsStats, error) {
	var levels pebble.CheckLevelsStats
	forward, backward := newDigester(), newDigester()
	iter, err := db.NewIter(nil)
	if err != nil {
		return digest{}, levels, err
	}
	for ok := iter.First(); ok; ok = iter.Next() {
		if err := take(iter, forward, +1, keep); err != nil {
			return digest{}, levels, errors.Join(err, iter.Close())
		}
	}
	for ok := iter.Last(); ok; ok = iter.Prev() {
		if err := take(iter, backward, -1, nil); err != nil {
			return digest{}, levels, errors.Join(err, iter.Close())
		}
	}
	if err := errors.Join(iter.Error(), iter.Close()); err != nil {
		return digest{}, levels, err
	}
	if forward.unsorted || backward.unsorted {
		return digest{}, levels, errors.New("keys are not in order")
	}
	if err := report.Same("entries backward", forward.Entries, backward.Entries); err != nil {
		return digest{}, levels, err
	}
	if forward.sum != backward.sum {
		return digest{}, levels, errors.New("the backward scan serves other entries")
	}
	if err := db.CheckLevels(&levels); err != nil {
		return digest{}, levels, fmt.Errorf("check levels: %w", err)
	}
	return forward.result(), levels, nil
}

func take(iter *pebble.Iterator, sum *digester, direction int, keep content) error {
	value, err := iter.ValueAndErr()
	if err != nil {
		return err
	}
	sum.add(iter.Key(), value, direction)
	if keep != nil {
		keep[string(iter.Key())] = bytes.Clone(value)
	}
	return nil
}

// verify scans a database and compares it with what it must serve.
func verify(step string, db *pebble.DB, expected content) error {
	found := content{}
	got, _, err := scan(db, found)
	if err != nil {
		return fmt.Errorf("%s: %w", step, err)
	}
	if got.SHA256 == expected.digest().SHA256 {
		return nil
	}
	return fmt.Errorf("%s: %w", step, firstDifference(expected, found))
}

// firstDifference names the smallest key on which the two contents disagree.
func firstDifference(expected, found content) error {
	all := content{}
	for key := range expected {
		all[key] = nil
	}
	for key := range found {
		all[key] = nil
	}
	for _, key := range all.sortedKeys() {
		want, wanted := expected[key]
		have, had := found[key]
		if wanted != had || !bytes.Equal(want, have) {
			return &report.Mismatch{
				What:     fmt.Sprintf("key=`%x`", key),
				Expected: describe(want, wanted),
				Found:    describe(have, had),
			}
		}
	}
	return errors.New("equal entries, unequal digests")
}

func describe(value []byte, present bool) string {
	if !present {
		return "absent"
	}
	return fmt.Sprintf("%d bytes %.32x", len(value), value)
}
