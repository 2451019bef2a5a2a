package lsm

import (
	"context"
	"errors"
	"hash/fnv"
	"math/rand/v2"

	"github.com/cockroachdb/pebble/v2"
)

// newRand is the one source of randomness of a run; purpose keeps runs with one seed
// apart.
func newRand(seed uint64, purpose string) *rand.Rand {
	stream := fnv.New64a()
	_, _ = stream.Write([]byte(purpose))
	return rand.New(rand.NewPCG(seed, stream.Sum64()))
}

// writer changes a database at random and keeps count of what it must serve.
type writer struct {
	rng   *rand.Rand
	db    *pebble.DB
	live  content
	known []string // every key ever seen, dead ones too
	key   func() string
	value func() []byte
}

// newWriter continues from a database that serves live.
func newWriter(rng *rand.Rand, db *pebble.DB, live content) *writer {
	w := &writer{rng: rng, db: db, live: live, known: live.sortedKeys()}
	w.key = w.neighbourKey
	w.value = func() []byte { return textValue(rng, rng.IntN(400)) }
	return w
}

func (w *writer) chance(percent int) bool { return w.rng.IntN(100) < percent }

// someKey is a key that was written before, or a new one when there is none.
func (w *writer) someKey() string {
	if len(w.known) == 0 {
		return w.key()
	}
	return w.known[w.rng.IntN(len(w.known))]
}

// batch commits n random operations in one batch: mostly new keys, some overwrites,
// deletes and now and then a range delete.
func (w *writer) batch(n int) error {
	batch := w.db.NewBatch()
	for range n {
		var err error
		switch dice := w.rng.IntN(100); {
		case dice < 60:
			err = w.set(batch, w.key(), w.value())
		case dice < 80:
			err = w.set(batch, w.someKey(), w.value())
		case dice < 99:
			err = w.delete(batch, w.someKey())
		default:
			err = w.deleteSpan(batch)
		}
		if err != nil {
			return err
		}
	}
	return batch.Commit(w.durability())
}

func (w *writer) durability() *pebble.WriteOptions {
	if w.chance(25) {
		return pebble.Sync
	}
	return pebble.NoSync
}

// fill commits n new keys in batches of up to 100.
func (w *writer) fill(n int) error {
	for n > 0 {
		batch := w.db.NewBatch()
		for range min(n, 100) {
			if err := w.set(batch, w.key(), w.value()); err != nil {
				return err
			}
			n--
		}
		if err := batch.Commit(w.durability()); err != nil {
			return err
		}
	}
	return nil
}

// rewrite gives new values to about percent of the live keys, at most 5000.
func (w *writer) rewrite(percent int) error {
	batch := w.db.NewBatch()
	for _, key := range w.live.sortedKeys() {
		if batch.Count() < 5000 && w.chance(percent) {
			if err := w.set(batch, key, w.value()); err != nil {
				return err
			}
		}
	}
	return batch.Commit(pebble.Sync)
}

func (w *writer) set(to pebble.Writer, key string, value []byte) error {
	w.live[key] = value
	w.known = append(w.known, key)
	return to.Set([]byte(key), value, nil)
}

func (w *writer) delete(to pebble.Writer, key string) error {
	delete(w.live, key)
	return to.Delete([]byte(key), nil)
}

// deleteSpan deletes a run of up to a tenth of the live keys.
func (w *writer) deleteSpan(to pebble.Writer) error {
	start, end, ok := w.span()
	if !ok {
		return nil
	}
	w.live.deleteRange(start, end)
	return to.DeleteRange([]byte(start), []byte(end), nil)
}

// span is a random half-open key range that starts and ends at live keys.
func (w *writer) span() (start, end string, ok bool) {
	keys := w.live.sortedKeys()
	if len(keys) < 2 {
		return "", "", false
	}
	first := w.rng.IntN(len(keys) - 1)
	last := min(first+1+w.rng.IntN(len(keys)/10+1), len(keys)-1)
	return keys[first], keys[last], true
}

// compactAll rewrites the whole database into its lowest level.
func (w *writer) compactAll() error {
	if len(w.live) == 0 {
		return nil
	}
	end := make([]byte, 64)
	for i := range end {
		end[i] = 0xff
	}
	return w.db.Compact(context.Background(), []byte{}, end, false)
}

// sdkCheckpoint flushes and makes a checkpoint whose logs are emptied, as the SDK does
// before it packs a file.
func (w *writer) sdkCheckpoint(dir string) error {
	if err := w.db.Flush(); err != nil {
		return err
	}
	return errors.Join(w.db.Checkpoint(dir), emptyLogs(dir))
}
