package lsm

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"c1z/interop/internal/report"
)

// Refused checks that the engine opens none of the directories, neither to read nor to
// write, and changes no file of a copy while it tries. (A LOCK file may appear.)
func Refused(out *report.Lines, sources []string) error {
	for _, source := range sources {
		err := inScratch(func(scratch string) error {
			return refusedOne(out, source, filepath.Join(scratch, "db"))
		})
		if err != nil {
			out.Emit(report.Fields{"kind": "error", "path": source, "error": err.Error()})
			return err
		}
	}
	return nil
}

func refusedOne(out *report.Lines, source, dir string) error {
	if err := copyOf(source, dir); err != nil {
		return err
	}
	before, err := digests(dir)
	if err != nil {
		return err
	}
	for _, readOnly := range []bool{true, false} {
		db, refusal := openCopy(dir, readOnly)
		if refusal == nil {
			_ = db.Close()
			return fmt.Errorf("the engine opens the directory read_only=`%t`", readOnly)
		}
		after, err := digests(dir)
		if err != nil {
			return err
		}
		if !maps.Equal(before, after) {
			return fmt.Errorf("the engine changed a directory that it refused read_only=`%t`", readOnly)
		}
		out.Emit(report.Fields{
			"kind": "pebble_refused", "path": source, "read_only": readOnly,
			"files": len(before), "error": refusal.Error(),
		})
	}
	return nil
}

// digests maps the names of the files of a directory to what they hold.
func digests(dir string) (map[string][sha256.Size]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	found := make(map[string][sha256.Size]byte)
	for _, entry := range entries {
		if entry.Name() == "LOCK" {
			continue
		}
		bytes, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		found[entry.Name()] = sha256.Sum256(bytes)
	}
	return found, nil
}
