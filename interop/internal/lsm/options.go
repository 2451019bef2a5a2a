// Package lsm checks database directories with the original storage engine and makes
// databases for other readers. Every database that is checked is a copy: the originals
// are never written to. Option values: `pebble-ondisk` §0 and `c1z3-keyspace` §10.1.
package lsm

import (
	"fmt"
	"os"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"

	"c1z/interop/internal/report"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// sdkOptions are the options with which the Baton SDK opens its databases.
func sdkOptions() *pebble.Options {
	opts := &pebble.Options{
		CacheSize:                   256 * mib,
		Comparer:                    pebble.DefaultComparer,
		FormatMajorVersion:          pebble.FormatNewest,
		FlushSplitBytes:             2 * mib,
		L0CompactionFileThreshold:   500,
		L0CompactionThreshold:       8,
		L0StopWritesThreshold:       20,
		LBaseMaxBytes:               256 * mib,
		MaxOpenFiles:                1024,
		MemTableSize:                64 * mib,
		MemTableStopWritesThreshold: 4,
		CompactionConcurrencyRange:  func() (int, int) { return 2, 2 },
		Logger:                      fatalLogger{},
	}
	for i := range opts.Levels {
		opts.Levels[i].BlockSize = 32 * kib
		opts.Levels[i].IndexBlockSize = 32 * kib
		opts.Levels[i].Compression = func() *sstable.CompressionProfile {
			return sstable.SnappyCompression
		}
	}
	return opts
}

// fatalLogger drops the engine's chatter. The engine calls Fatalf where it finds a
// corrupt table in the background; the SDK's process ends there, and so does this one.
type fatalLogger struct{}

func (fatalLogger) Infof(string, ...any)  {}
func (fatalLogger) Errorf(string, ...any) {}
func (fatalLogger) Fatalf(format string, args ...any) {
	out := report.NewLines(os.Stdout)
	out.Emit(report.Fields{"kind": "fatal", "error": fmt.Sprintf(format, args...)})
	os.Exit(1)
}

// openCopy opens a copied directory with the SDK's options.
func openCopy(dir string, readOnly bool) (*pebble.DB, error) {
	opts := sdkOptions()
	opts.ReadOnly = readOnly
	opts.ErrorIfNotExists = true
	return pebble.Open(dir, opts)
}
