package lsm

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
)

// shape is a recipe for one kind of database.
type shape struct {
	name   string
	tune   func(*pebble.Options, *rand.Rand)
	keys   string // style, empty = random
	values string
	fill   func(*maker) error
	finish finish
	beyond bool // holds what the SDK never writes, or takes long
}

// shapes are all kinds, the format versions 13 to 24 among them.
func shapes() []shape {
	all := []shape{
		{name: "empty", fill: func(*maker) error { return nil }},
		{name: "one-key", fill: func(m *maker) error { return m.fill(1) }},
		{name: "bulk", keys: "grants", values: "text", fill: fillBulk},
		{name: "overwrites", fill: func(m *maker) error { return m.churn(12, true) }},
		{name: "l0-overlap", fill: fillOverlap},
		{name: "big-values", keys: "grants", values: "big", fill: fillSmall},
		{name: "long-keys", keys: "long", fill: fillSmall},
		{name: "binary-keys", keys: "binary", fill: fillSmall},
		{name: "range-deletes", fill: fillRangeDeletes},
		{name: "ingest", keys: "grants", fill: fillIngest},
		{name: "virtual", keys: "grants", fill: fillVirtual},
		{name: "many-tables", tune: smallTables, fill: fillMany},
		{name: "many-levels", tune: smallLevels, keys: "grants", values: "text", fill: fillMany},
		{name: "two-level", tune: smallBlocks, fill: fillMany},
		{name: "none", tune: compression(sstable.NoCompression), fill: fillMany},
		{name: "zstd", tune: compression(sstable.ZstdCompression), fill: fillMany},
		{name: "bloom", tune: bloomFilters, fill: fillMany},
		{name: "closed", fill: fillTail, finish: closed},
		{name: "checkpoint-wal", fill: fillTail, finish: checkpointed},
		{name: "wal-only", fill: fillSmall, finish: crashed},
		{name: "wal-tail", fill: fillTail, finish: crashed},
		{name: "wal-several", tune: smallMemtables, keys: "grants", values: "text",
			fill: fillHeld, finish: crashed},
		{name: "wal-recycled", keys: "grants", values: "text", fill: fillRecycled, finish: crashed},
		{name: "wal-torn", keys: "grants", values: "text", fill: fillTail, finish: torn},
		{name: "mixed", tune: tuneMixed, fill: fillMixed},
		{name: "minlz", tune: compression(sstable.MinLZCompression), fill: fillMany, beyond: true},
		{name: "wal-ingest", keys: "grants", fill: fillHeldIngest, finish: crashed, beyond: true},
		{name: "versions", fill: fillVersions, beyond: true},
		{name: "large", keys: "grants", values: "text", fill: fillLarge, beyond: true},
		{name: "merge", fill: fillMerge, beyond: true},
		{name: "tombstones", fill: fillTombstones, beyond: true},
		{name: "blobs", tune: separateValues, keys: "grants", values: "text",
			fill: fillMany, beyond: true},
	}
	for version := pebble.FormatMinSupported; version <= pebble.FormatNewest; version++ {
		all = append(all, shape{
			name:   fmt.Sprintf("format-%d", version),
			tune:   func(o *pebble.Options, _ *rand.Rand) { o.FormatMajorVersion = version },
			fill:   fillTail,
			finish: []finish{packed, checkpointed, crashed}[version%3],
		})
	}
	return all
}

// ShapeNames lists the names that Make understands.
func ShapeNames() string {
	var names []string
	for _, s := range shapes() {
		names = append(names, s.name)
	}
	return strings.Join(append(names, "all", "every"), " ")
}

func chooseShapes(name string) ([]shape, error) {
	var chosen []shape
	for _, s := range shapes() {
		if s.name == name || name == "every" || name == "all" && !s.beyond {
			chosen = append(chosen, s)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("unknown shape=`%s`, known: %s", name, ShapeNames())
	}
	return chosen, nil
}

func compression(profile *sstable.CompressionProfile) func(*pebble.Options, *rand.Rand) {
	return func(o *pebble.Options, _ *rand.Rand) {
		for i := range o.Levels {
			o.Levels[i].Compression = func() *sstable.CompressionProfile { return profile }
		}
	}
}

func smallBlocks(o *pebble.Options, rng *rand.Rand) {
	for i := range o.Levels {
		o.Levels[i].BlockSize = 256 << rng.IntN(4)
		o.Levels[i].IndexBlockSize = 128 << rng.IntN(3)
	}
}

func smallTables(o *pebble.Options, rng *rand.Rand) {
	for i := range o.TargetFileSizes {
		o.TargetFileSizes[i] = int64(4*kib) << rng.IntN(3)
	}
	o.FlushSplitBytes = 8 * kib
}

func smallLevels(o *pebble.Options, rng *rand.Rand) {
	smallTables(o, rng)
	o.DisableAutomaticCompactions = false
	o.L0CompactionThreshold = 2
	o.LBaseMaxBytes = 16 * kib
	o.MemTableSize = 64 * kib
}

func smallMemtables(o *pebble.Options, _ *rand.Rand) {
	o.MemTableSize = 32 * kib
	o.MemTableStopWritesThreshold = 1000
}

func bloomFilters(o *pebble.Options, rng *rand.Rand) {
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(4 + rng.IntN(12))
	}
}

func separateValues(o *pebble.Options, _ *rand.Rand) {
	policy := pebble.ValueSeparationPolicy{
		Enabled: true, MinimumSize: 200, MaxBlobReferenceDepth: 4, TargetGarbageRatio: 1,
	}
	o.Experimental.ValueSeparationPolicy = func() pebble.ValueSeparationPolicy { return policy }
}

// tuneMixed draws block sizes, compression, table sizes and automatic compactions.
func tuneMixed(o *pebble.Options, rng *rand.Rand) {
	smallTables(o, rng)
	for i := range o.Levels {
		o.Levels[i].BlockSize = 512 << rng.IntN(8)
		o.Levels[i].IndexBlockSize = 256 << rng.IntN(8)
		profile := pick(rng, sstable.SnappyCompression, sstable.SnappyCompression,
			sstable.NoCompression, sstable.ZstdCompression)
		o.Levels[i].Compression = func() *sstable.CompressionProfile { return profile }
	}
	o.DisableAutomaticCompactions = rng.IntN(2) == 0
}
