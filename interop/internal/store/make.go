package store

import (
	"context"
	"errors"
	"fmt"
	"os"

	v2 "github.com/conductorone/baton-sdk/pb/c1/connector/v2"
	"github.com/conductorone/baton-sdk/pkg/connectorstore"
	"github.com/conductorone/baton-sdk/pkg/dotc1z"
	"github.com/conductorone/baton-sdk/pkg/dotc1z/c1zstore"
	"github.com/conductorone/baton-sdk/pkg/types/sessions"

	"c1z/interop/internal/report"
)

const (
	iconID    = "icon-g00000"
	putBatch  = 10_000
	stepToken = `{"current_action":{"operation":"list-grants","page_token":"p-42"}}`
)

// MakePlan says what a new file holds.
type MakePlan struct {
	Engine     string
	Seed       uint64
	Grants     int
	Unfinished bool
	Odd        bool // odd ids, texts and references
	Syncs      int  // of odd rows; a v3 file holds one
}

// Make writes a new file with one full sync.
func Make(out *report.Lines, path string, plan MakePlan) error {
	ctx := context.Background()
	engine, ok := engines[plan.Engine]
	if !ok {
		return fmt.Errorf("unknown engine=`%s`", plan.Engine)
	}
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	watch := report.Start()
	s, err := dotc1z.NewStore(ctx, path, dotc1z.WithEngine(engine))
	if err != nil {
		return err
	}
	fill := fillSync
	if plan.Odd {
		fill = fillOdd
	}
	id, err := fill(ctx, s, plan)
	if err = errors.Join(err, s.Close(ctx)); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	out.Emit(report.Merge(watch.Fields(), report.Fields{
		"kind": "c1z_make", "path": path, "engine": plan.Engine, "seed": plan.Seed,
		"grants": plan.Grants, "sync_id": id, "finished": !plan.Unfinished,
		"file_bytes": info.Size(), "peak_rss": report.PeakRSS(),
	}))
	return nil
}

func fillSync(ctx context.Context, s c1zstore.Store, plan MakePlan) (id string, err error) {
	w := newWorld(plan.Seed, plan.Grants)
	if id, err = s.StartNewSync(ctx, connectorstore.SyncTypeFull, ""); err != nil {
		return id, err
	}
	if err := s.PutResourceTypes(ctx, w.types()...); err != nil {
		return id, err
	}
	err = inBatches(w.groups, func(i int) (*v2.Resource, error) { return w.group(i), nil },
		func(rows ...*v2.Resource) error { return s.PutResources(ctx, rows...) })
	if err != nil {
		return id, err
	}
	err = inBatches(w.users, w.user,
		func(rows ...*v2.Resource) error { return s.PutResources(ctx, rows...) })
	if err != nil {
		return id, err
	}
	err = inBatches(2*w.groups,
		func(i int) (*v2.Entitlement, error) { return entitlementOf(i/2, slugOf(i)), nil },
		func(rows ...*v2.Entitlement) error { return s.PutEntitlements(ctx, rows...) })
	if err != nil {
		return id, err
	}
	err = inBatches(plan.Grants, w.grant,
		func(rows ...*v2.Grant) error { return s.PutGrants(ctx, rows...) })
	if err != nil {
		return id, err
	}
	return id, finishSync(ctx, s, id, plan.Unfinished)
}

// inBatches makes n rows and puts them in batches.
func inBatches[T any](n int, row func(int) (T, error), put func(...T) error) error {
	for start := 0; start < n; start += putBatch {
		rows := make([]T, 0, min(putBatch, n-start))
		for i := start; i < min(start+putBatch, n); i++ {
			one, err := row(i)
			if err != nil {
				return err
			}
			rows = append(rows, one)
		}
		if err := put(rows...); err != nil {
			return err
		}
	}
	return nil
}

func finishSync(ctx context.Context, s c1zstore.Store, id string, unfinished bool) error {
	icon := []byte("\x89PNG\r\n\x1a\nnot really a picture")
	if err := s.PutAsset(ctx, &v2.AssetRef{Id: iconID}, "image/png", icon); err != nil {
		return err
	}
	for i := range 3 {
		key, value := fmt.Sprintf("key-%d", i), []byte(fmt.Sprintf("value-%d", i))
		if err := s.SessionStore().Set(ctx, key, value, sessions.WithSyncID(id)); err != nil {
			return err
		}
	}
	if unfinished {
		return s.CheckpointSync(ctx, stepToken)
	}
	return s.EndSync(ctx)
}
