package lsm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"c1z/interop/internal/report"
)

// MakePlan says which databases to make.
type MakePlan struct {
	Seed  uint64
	Count int    // of each shape
	Shape string // a name, "all" (what the SDK can write) or "every"
	Out   string
}

// Make makes databases in `Out/SHAPE-SEED/db`, with their content in `kv.ndjson.gz`
// beside, and checks each with the SDK's options.
func Make(out *report.Lines, plan MakePlan) error {
	chosen, err := chooseShapes(plan.Shape)
	if err != nil {
		return err
	}
	for i := range plan.Count {
		for _, s := range chosen {
			seed := plan.Seed + uint64(i)
			target := filepath.Join(plan.Out, fmt.Sprintf("%s-%d", s.name, seed))
			if err := makeOne(out, s, seed, target); err != nil {
				err = fmt.Errorf("shape=`%s` seed=`%d`: %w", s.name, seed, err)
				out.Emit(report.Fields{"kind": "error", "error": err.Error()})
				return err
			}
		}
	}
	return nil
}

func makeOne(out *report.Lines, s shape, seed uint64, target string) error {
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	image := filepath.Join(target, "db")
	live, err := s.build(seed, image)
	if err != nil {
		return err
	}
	live, layout, err := proveImage(image, live)
	if err != nil {
		return err
	}
	if err := live.save(filepath.Join(target, "kv.ndjson.gz")); err != nil {
		return err
	}
	size, err := report.DirSize(image)
	out.Emit(report.Merge(live.digest().fields(), layout, report.Fields{
		"kind": "pebble_make", "shape": s.name, "seed": seed, "path": image, "disk_bytes": size,
	}))
	return err
}

// proveImage reads a copy of the image as the SDK would and compares it with live; nil
// means that only the engine can tell what is left, as after a torn log.
func proveImage(image string, live content) (found content, layout report.Fields, err error) {
	err = inScratch(func(scratch string) error {
		dir := filepath.Join(scratch, "db")
		if err := cloneDir(image, dir); err != nil {
			return err
		}
		db, err := openCopy(dir, true)
		if err != nil {
			return err
		}
		found = content{}
		if _, _, err = scan(db, found); err == nil && live != nil {
			err = verify("image", db, live)
		}
		if err == nil {
			layout, err = layoutOf(db, image)
		}
		return errors.Join(err, db.Close())
	})
	return found, layout, err
}

// layoutOf says how a database is built: tables on each level, virtual ones and ones
// with a two-level index among them, and how many write-ahead logs hold data.
func layoutOf(db *pebble.DB, image string) (report.Fields, error) {
	levels, err := db.SSTables(pebble.WithProperties())
	if err != nil {
		return nil, err
	}
	tables, virtual, twoLevel, withData := make([]int, len(levels)), 0, 0, 0
	for level, infos := range levels {
		tables[level] = len(infos)
		for _, info := range infos {
			if info.Virtual {
				virtual++
			}
			if info.Properties.IndexPartitions > 0 {
				twoLevel++
			}
		}
	}
	logs, err := filepath.Glob(filepath.Join(image, "*.log"))
	for _, log := range logs {
		if info, err := os.Stat(log); err == nil && info.Size() > 0 {
			withData++
		}
	}
	return report.Fields{
		"tables": tables, "virtual_tables": virtual, "two_level_tables": twoLevel, "logs": withData,
	}, err
}

// maker is a writer with the calls that only made databases need.
type maker struct {
	*writer
	dir     string // of the open database
	scratch string
	files   *gate
	opts    *pebble.Options
	tables  int
}

// build makes one database and leaves its image in a folder.
func (s shape) build(seed uint64, image string) (live content, err error) {
	err = inScratch(func(scratch string) error {
		rng := newRand(seed, s.name)
		m := &maker{dir: filepath.Join(scratch, "db"), scratch: scratch,
			files: &gate{FS: vfs.Default}, opts: sdkOptions()}
		m.opts.FS = m.files
		m.opts.DisableAutomaticCompactions = true
		if s.tune != nil {
			s.tune(m.opts, rng)
		}
		db, err := pebble.Open(m.dir, m.opts)
		if err != nil {
			return err
		}
		m.writer = newWriter(rng, db, content{})
		m.style(s.keys, s.values)
		err = s.fill(m)
		if err == nil {
			err = s.finish.leave(m, image)
		}
		live = m.live
		m.files.release()
		return errors.Join(err, m.closeDB(image, s.finish))
	})
	if s.finish == torn {
		live = nil
	}
	return live, err
}

// style chooses how keys and values look; an empty name is chosen at random.
func (m *maker) style(keys, values string) {
	if keys == "" {
		keys = pick(m.rng, "grants", "grants", "short", "binary", "long")
	}
	if values == "" {
		values = pick(m.rng, "text", "text", "tiny", "empty", "mixed")
	}
	m.key = func() string { return keyStyles[keys](m.rng) }
	m.value = func() []byte { return valueStyles[values](m.rng) }
}

func pick[T any](rng *rand.Rand, from ...T) T { return from[rng.IntN(len(from))] }

// closeDB closes the database and, for a closed image, copies it then.
func (m *maker) closeDB(image string, how finish) error {
	if err := m.db.Close(); err != nil {
		return err
	}
	if how != closed {
		return nil
	}
	return cloneDir(m.dir, image)
}

// table writes n new sorted keys to a table outside the database.
func (m *maker) table(n int, within func(string) bool) (path string, rows content, err error) {
	rows = content{}
	for tries := 0; len(rows) < n && tries < 20*n; tries++ {
		if key := m.key(); within(key) {
			rows[key] = m.value()
		}
	}
	m.tables++
	path = filepath.Join(m.scratch, fmt.Sprintf("bulk-%d.sst", m.tables))
	file, err := vfs.Default.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return "", nil, err
	}
	options := m.opts.MakeWriterOptions(6, m.db.TableFormat())
	w := sstable.NewWriter(objstorageprovider.NewFileWritable(file), options)
	for _, key := range rows.sortedKeys() {
		if err := w.Set([]byte(key), rows[key]); err != nil {
			return "", nil, errors.Join(err, w.Close())
		}
	}
	return path, rows, w.Close()
}

func (m *maker) adopt(rows content) {
	for _, key := range rows.sortedKeys() {
		m.live[key] = rows[key]
		m.known = append(m.known, key)
	}
}

// ingest links a table of n keys into the database.
func (m *maker) ingest(n int) error {
	path, rows, err := m.table(n, func(string) bool { return true })
	if err != nil || len(rows) == 0 {
		return err
	}
	m.adopt(rows)
	return m.db.Ingest(context.Background(), []string{path})
}

// excise removes a key range without tombstones, and puts a table of n keys in its
// place when n is not zero.
func (m *maker) excise(n int) error {
	start, end, ok := m.span()
	if !ok {
		return nil
	}
	span := pebble.KeyRange{Start: []byte(start), End: []byte(end)}
	m.live.deleteRange(start, end)
	if n == 0 {
		return m.db.Excise(context.Background(), span)
	}
	inside := func(key string) bool { return start <= key && key < end }
	m.key = around(m.key, m.rng, start, end)
	path, rows, err := m.table(n, inside)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return m.db.Excise(context.Background(), span)
	}
	m.adopt(rows)
	_, err = m.db.IngestAndExcise(context.Background(), []string{path}, nil, nil, span)
	return err
}

// around makes every second key fall just above start, and so mostly before end.
func around(key func() string, rng *rand.Rand, start, end string) func() string {
	return func() string {
		if rng.IntN(2) == 0 || end <= start {
			return key()
		}
		return start + string(randomBytes(rng, 1+rng.IntN(3)))
	}
}

// churn does n rounds of random batches with flushes between, and compactions of random
// ranges when compact is set.
func (m *maker) churn(rounds int, compact bool) error {
	for range rounds {
		if err := m.batch(20 + m.rng.IntN(200)); err != nil {
			return err
		}
		if m.chance(60) {
			if err := m.db.Flush(); err != nil {
				return err
			}
		}
		start, end, ok := m.span()
		if compact && ok && m.chance(25) {
			err := m.db.Compact(context.Background(), []byte(start), []byte(end), false)
			if err != nil {
				return err
			}
		}
	}
	return nil
}
