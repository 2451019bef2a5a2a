package lsm

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// finish is how a made database comes to rest.
type finish int

const (
	// packed: flushed, checkpointed, logs emptied, as in the payload of a .c1z file.
	packed finish = iota
	// checkpointed with a log that holds data.
	checkpointed
	// closed in good order: lock file, old files and closed logs stay.
	closed
	// crashed: a copy of the open database.
	crashed
	// torn: crashed, and the last log ends in the middle of a record.
	torn
)

// leave puts the image of an open database into a folder. A closed image is copied
// later, when the database is closed.
func (f finish) leave(m *maker, image string) error {
	switch f {
	case packed:
		return m.sdkCheckpoint(image)
	case checkpointed:
		return m.db.Checkpoint(image, pebble.WithFlushedWAL())
	case crashed, torn:
		return f.crash(m, image)
	default:
		return nil
	}
}

// crash copies the directory of the open database. Nothing works in the background
// then: compactions are off and flushes are done or held back.
func (f finish) crash(m *maker, image string) error {
	if err := m.db.LogData(nil, pebble.Sync); err != nil {
		return err
	}
	m.db.TestOnlyWaitForCleaning()
	if err := cloneDir(m.dir, image); err != nil || f != torn {
		return err
	}
	logs, err := filepath.Glob(filepath.Join(image, "*.log"))
	if err != nil || len(logs) == 0 {
		return fmt.Errorf("no log to tear: %w", err)
	}
	last := slices.Max(logs)
	info, err := os.Stat(last)
	if err != nil || info.Size() == 0 {
		return err
	}
	return os.Truncate(last, info.Size()-1-m.rng.Int64N(min(info.Size(), 3000)))
}
