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
)

// differences makes what the SDK offers for v1 files alone. `both.c1z` holds two syncs and their
// GenerateSyncDiff; `ids-both` names base, applied and additions. `old.c1z` holds a sync, `new.c1z` another
// one and the upserts and deletions that GenerateSyncDiffFromFile makes of the two; `ids-new` names old, new,
// upserts and deletions.
func differences(ctx context.Context, dir string, seed uint64) error {
	rng := rand.New(rand.NewPCG(seed, 0xd1ff))
	both, err := dotc1z.NewStore(ctx, filepath.Join(dir, "both.c1z"), dotc1z.WithEngine(c1zstore.EngineSQLite))
	if err != nil {
		return err
	}
	base, err := randomSync(ctx, rng, both)
	if err != nil {
		return err
	}
	applied, err := randomSync(ctx, rng, both)
	if err != nil {
		return err
	}
	file, ok := dotc1z.AsSQLiteStore(both)
	if !ok {
		return fmt.Errorf("%T is not SQLite", both)
	}
	additions, err := file.GenerateSyncDiff(ctx, base, applied)
	if err = errors.Join(err, both.Close(ctx)); err != nil {
		return err
	}
	if err := writeIDs(dir, "ids-both", base, applied, additions); err != nil {
		return err
	}
	return pair(ctx, dir, rng)
}

func pair(ctx context.Context, dir string, rng *rand.Rand) error {
	var files [2]*dotc1z.C1File
	var ids [2]string
	for i, name := range []string{"old.c1z", "new.c1z"} {
		s, err := dotc1z.NewStore(ctx, filepath.Join(dir, name), dotc1z.WithEngine(c1zstore.EngineSQLite),
			dotc1z.WithPragma("locking_mode", "normal"))
		if err != nil {
			return err
		}
		id, err := randomSync(ctx, rng, s)
		if err != nil {
			return err
		}
		file, ok := dotc1z.AsSQLiteStore(s)
		if !ok {
			return fmt.Errorf("%T is not SQLite", s)
		}
		files[i], ids[i] = file, id
		if err := file.SetSupportsDiff(ctx, id); err != nil {
			return err
		}
	}
	attached, err := files[1].AttachFile(files[0], "attached")
	if err != nil {
		return err
	}
	upserts, deletions, err := attached.GenerateSyncDiffFromFile(ctx, ids[0], ids[1])
	_, detached := attached.DetachFile("attached")
	if err = errors.Join(err, detached, files[0].Close(ctx), files[1].Close(ctx)); err != nil {
		return err
	}
	return writeIDs(dir, "ids-new", ids[0], ids[1], upserts, deletions)
}

func randomSync(ctx context.Context, rng *rand.Rand, s c1zstore.Store) (id string, err error) {
	if id, err = s.StartNewSync(ctx, connectorstore.SyncTypeFull, ""); err != nil {
		return id, err
	}
	err = scatter(ctx, rng, []c1zstore.Store{s}, 50)
	return id, errors.Join(err, s.EndSync(ctx))
}

func writeIDs(dir, name string, ids ...string) error {
	text := ""
	for _, id := range ids {
		text += id + "\n"
	}
	return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)
}
