package lsm

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"c1z/interop/internal/report"
)

// ExercisePlan says how to exercise databases.
type ExercisePlan struct {
	Seed uint64
	// Out is the folder that receives, for the source `name`, the checkpoint
	// `name.checkpoint` and its content `name.kv.ndjson.gz`.
	Out string
	// Batches of up to 60 operations.
	Batches int
}

// Exercise copies every source, writes to the copy in all the ways the SDK uses,
// compares what it serves with a model after each step, and leaves a checkpoint.
func Exercise(out *report.Lines, sources []string, plan ExercisePlan) error {
	if err := os.MkdirAll(plan.Out, 0o755); err != nil {
		return err
	}
	for i, source := range sources {
		run := exercise{out: out, source: source, seed: plan.Seed + uint64(i), plan: plan}
		err := inScratch(func(scratch string) error {
			return run.all(filepath.Join(scratch, "db"))
		})
		if err != nil {
			out.Emit(report.Fields{
				"kind": "error", "path": source, "seed": run.seed, "error": err.Error(),
			})
			return err
		}
	}
	return nil
}

type exercise struct {
	out    *report.Lines
	source string
	seed   uint64
	plan   ExercisePlan
}

func (e *exercise) all(dir string) error {
	watch := report.Start()
	if err := copyOf(e.source, dir); err != nil {
		return err
	}
	live, err := e.readOnly(dir)
	if err != nil {
		return err
	}
	started := live.digest()
	target := filepath.Join(e.plan.Out, e.name())
	if err := os.RemoveAll(target + ".checkpoint"); err != nil {
		return err
	}
	tail, err := e.writable(dir, live, target+".checkpoint")
	if err != nil {
		return err
	}
	if err := e.reopen("reopen", dir, false, live); err != nil {
		return err
	}
	if err := e.reopenCheckpoint(target+".checkpoint", live); err != nil {
		return err
	}
	if err := live.save(target + ".kv.ndjson.gz"); err != nil {
		return err
	}
	e.out.Emit(report.Merge(live.digest().fields(), watch.Fields(), report.Fields{
		"kind": "pebble_exercise", "path": e.source, "seed": e.seed, "unflushed_tail": tail,
		"entries_before": started.Entries, "sha256_before": started.SHA256,
		"checkpoint": target + ".checkpoint", "content": target + ".kv.ndjson.gz",
	}))
	return nil
}

// name keeps two folders of the source's path, so that `a-1/db` and `a-2/db` differ.
func (e *exercise) name() string {
	clean := filepath.ToSlash(filepath.Clean(e.source))
	parts := strings.Split(clean, "/")
	return strings.Join(parts[max(0, len(parts)-2):], "_")
}

func (e *exercise) readOnly(dir string) (content, error) {
	live := content{}
	db, err := openCopy(dir, true)
	if err != nil {
		return nil, err
	}
	_, _, err = scan(db, live)
	if closed := db.Close(); err == nil {
		err = closed
	}
	return live, err
}

// writable runs every kind of write and leaves a checkpoint. It reports whether that
// checkpoint has data in its log only.
func (e *exercise) writable(dir string, live content, checkpoint string) (tail bool, err error) {
	db, err := openCopy(dir, false)
	if err != nil {
		return false, err
	}
	defer func() {
		if closed := db.Close(); err == nil {
			err = closed
		}
	}()
	rng := newRand(e.seed, "exercise")
	w := newWriter(rng, db, live)
	for _, step := range []struct {
		name string
		run  func() error
	}{
		{"open writable", func() error { return nil }},
		{"write", func() error { return e.write(w) }},
		{"flush", db.Flush},
		{"overwrite", func() error { return w.rewrite(25) }},
		{"compact", w.compactAll},
		{"write again", func() error { return w.batch(100) }},
	} {
		if err := step.run(); err != nil {
			return false, fmt.Errorf("%s: %w", step.name, err)
		}
		if err := verify(step.name, db, live); err != nil {
			return false, err
		}
	}
	if tail = w.chance(30); tail {
		return tail, db.Checkpoint(checkpoint, pebble.WithFlushedWAL())
	}
	return tail, w.sdkCheckpoint(checkpoint)
}

func (e *exercise) write(w *writer) error {
	for range e.plan.Batches {
		if err := w.batch(1 + w.rng.IntN(60)); err != nil {
			return err
		}
		if w.chance(15) {
			if err := w.db.Flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *exercise) reopen(step, dir string, readOnly bool, live content) error {
	db, err := openCopy(dir, readOnly)
	if err != nil {
		return fmt.Errorf("%s: %w", step, err)
	}
	err = verify(step, db, live)
	if closed := db.Close(); err == nil {
		err = closed
	}
	return err
}

// reopenCheckpoint reads a copy, for an open would leave a lock file in the original.
func (e *exercise) reopenCheckpoint(dir string, live content) error {
	return inScratch(func(scratch string) error {
		copied := filepath.Join(scratch, "checkpoint")
		if err := copyOf(dir, copied); err != nil {
			return err
		}
		return e.reopen("reopen checkpoint", copied, true, live)
	})
}
