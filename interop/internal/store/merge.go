package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/conductorone/baton-sdk/pkg/connectorstore"
	"github.com/conductorone/baton-sdk/pkg/dotc1z"
	"github.com/conductorone/baton-sdk/pkg/dotc1z/c1zstore"
	"github.com/conductorone/baton-sdk/pkg/synccompactor"

	"c1z/interop/internal/report"
)

// ManyPlan says how many cases are made, from which seed on.
type ManyPlan struct {
	Count int
	Seed  uint64
}

// Many makes COUNT folders of each kind (`sqlite-N`, `pebble-N`, `mixed-N`): a base and increments,
// `in-0.c1z` and on, whose records meet in identities and are written in turn, so that any input may
// hold the latest; and what the SDK makes of them without expansion, `go-STRATEGY.c1z`. Folders of
// v1 files also hold two syncs and what the SDK writes as their difference (see Differences).
func Many(out *report.Lines, folder string, plan ManyPlan) error {
	ctx := context.Background()
	for seed := plan.Seed; seed < plan.Seed+uint64(plan.Count); seed++ {
		for _, kind := range []string{"sqlite", "pebble", "mixed"} {
			dir := filepath.Join(folder, fmt.Sprintf("%s-%d", kind, seed))
			err := errors.Join(os.MkdirAll(dir, 0o755), merges(ctx, dir, kind, seed))
			if err == nil && kind == "sqlite" {
				err = differences(ctx, dir, seed)
			}
			if err != nil {
				return fmt.Errorf("path=`%s`: %w", dir, err)
			}
			out.Emit(report.Fields{"kind": "c1z_many", "path": dir, "seed": seed})
		}
	}
	return nil
}

func merges(ctx context.Context, dir, kind string, seed uint64) error {
	rng := rand.New(rand.NewPCG(seed, 0x3e46e))
	var stores []c1zstore.Store
	var inputs []*synccompactor.CompactableSync
	for i := range 2 + rng.IntN(3) {
		engine := engines[kind]
		if kind == "mixed" {
			engine = engines[oneOf(rng, []string{"sqlite", "pebble"})]
			if i < 2 {
				engine = engines[[...]string{"sqlite", "pebble"}[i]]
			}
		}
		path := filepath.Join(dir, fmt.Sprintf("in-%d.c1z", i))
		s, err := dotc1z.NewStore(ctx, path, dotc1z.WithEngine(engine))
		if err != nil {
			return err
		}
		types := []connectorstore.SyncType{connectorstore.SyncTypePartial, connectorstore.SyncTypeResourcesOnly}
		if i == 0 || rng.IntN(4) == 0 {
			types = []connectorstore.SyncType{connectorstore.SyncTypeFull}
		}
		id, err := s.StartNewSync(ctx, oneOf(rng, types), "")
		if err != nil {
			return err
		}
		stores = append(stores, s)
		inputs = append(inputs, &synccompactor.CompactableSync{FilePath: path, SyncID: id})
	}
	if err := scatter(ctx, rng, stores, 40*len(stores)); err != nil {
		return err
	}
	for _, s := range stores {
		if err := errors.Join(s.EndSync(ctx), s.Close(ctx)); err != nil {
			return err
		}
	}
	strategies := map[string]synccompactor.PebbleCompactorMode{
		"kway":    synccompactor.PebbleCompactorModeKWay,
		"overlay": synccompactor.PebbleCompactorModeOverlay,
		"fold":    synccompactor.PebbleCompactorModeFold,
	}
	if kind == "sqlite" {
		strategies = map[string]synccompactor.PebbleCompactorMode{"attached": synccompactor.PebbleCompactorModeAuto}
	}
	for name, mode := range strategies {
		if err := compact(ctx, dir, name, mode, inputs); err != nil {
			return fmt.Errorf("strategy=`%s`: %w", name, err)
		}
	}
	return nil
}

// compact lets the SDK merge the inputs into `go-NAME.c1z`.
func compact(ctx context.Context, dir, name string, mode synccompactor.PebbleCompactorMode, inputs []*synccompactor.CompactableSync) error {
	temporary := filepath.Join(dir, "tmp-"+name)
	if err := os.MkdirAll(temporary, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	c, cleanup, err := synccompactor.NewCompactor(ctx, temporary, inputs, synccompactor.WithTmpDir(temporary),
		synccompactor.WithSkipGrantExpansion(), synccompactor.WithPebbleCompactorMode(mode))
	if err != nil {
		return err
	}
	made, err := c.Compact(ctx)
	if err = errors.Join(err, cleanup()); err != nil {
		return err
	}
	return os.Rename(made.FilePath, filepath.Join(dir, "go-"+name+".c1z"))
}
