package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"

	v2 "github.com/conductorone/baton-sdk/pb/c1/connector/v2"
	v3 "github.com/conductorone/baton-sdk/pb/c1/storage/v3"
	"github.com/conductorone/baton-sdk/pkg/connectorstore"
	"github.com/conductorone/baton-sdk/pkg/dotc1z/c1zstore"
	"github.com/conductorone/baton-sdk/pkg/dotc1z/engine/pebble"
	"github.com/conductorone/baton-sdk/pkg/types/sessions"

	"c1z/interop/internal/report"
	"c1z/interop/internal/sqlfile"
)

// expansions writes the grants that carry an expansion, and those still to be expanded.
func (d *dumper) expansions(syncID string) {
	i := 0
	for row, err := range d.store.Grants().ListWithAnnotations(d.ctx) {
		if err != nil {
			d.out.Emit(report.Fields{"kind": "error", "op": "ListWithAnnotations", "error": errorOf(err)})
			break
		}
		if row.Annotation != nil {
			d.expansion("grant_expansion", syncID, i, c1zstore.PendingExpansion{
				GrantExternalID: row.GrantExternalID, TargetEntitlementID: row.TargetEntitlementID,
				PrincipalResourceTypeID: row.PrincipalResourceTypeID,
				PrincipalResourceID:     row.PrincipalResourceID,
				Annotation:              row.Annotation, NeedsExpansion: row.NeedsExpansion,
			})
		}
		i++
	}
	i = 0
	for row, err := range d.store.Grants().PendingExpansion(d.ctx) {
		if err != nil {
			d.out.Emit(report.Fields{"kind": "error", "op": "PendingExpansion", "error": errorOf(err)})
			break
		}
		d.expansion("pending_expansion", syncID, i, row)
		i++
	}
}

func (d *dumper) expansion(kind, syncID string, i int, row c1zstore.PendingExpansion) {
	d.out.Emit(report.Fields{
		"kind": kind, "sync_id": syncID, "i": i, "grant_id": row.GrantExternalID,
		"target_entitlement_id":      row.TargetEntitlementID,
		"principal_resource_type_id": row.PrincipalResourceTypeID,
		"principal_resource_id":      row.PrincipalResourceID,
		"annotation":                 jsonOf(row.Annotation), "needs_expansion": row.NeedsExpansion,
	})
}

func (d *dumper) stats(run *c1zstore.SyncRun) {
	emit := func(kind string, result any, err error) {
		d.out.Emit(report.Fields{
			"kind": kind, "sync_id": run.ID, "result": result, "error": errorOf(err),
		})
	}
	flat, err := d.store.SyncMeta().Stats(d.ctx, run.Type, run.ID)
	emit("stats", flat, err)
	full, err := d.store.SyncMeta().StatsV2(d.ctx, run.Type, run.ID)
	emit("stats_v2", jsonOf(full), err)
	if counter, ok := d.store.(interface {
		GrantStats(context.Context, connectorstore.SyncType, string) (map[string]int64, error)
	}); ok {
		byType, err := counter.GrantStats(d.ctx, run.Type, run.ID)
		emit("grant_stats", byType, err)
	}
}

// sessions writes the connector's key-value entries of a sync, if it has any.
func (d *dumper) sessions(syncID string) {
	entries, pages := map[string][]byte{}, 0
	var failed error
	for token := ""; ; {
		page, next, err := d.store.SessionStore().GetAll(d.ctx, token, sessions.WithSyncID(syncID))
		if failed = err; err != nil {
			break
		}
		pages++
		for key, value := range page {
			entries[key] = value
		}
		if token = next; token == "" {
			break
		}
	}
	if failed == nil && len(entries) == 0 {
		return
	}
	d.out.Emit(report.Fields{
		"kind": "sessions", "sync_id": syncID, "count": len(entries), "pages": pages,
		"error": errorOf(failed),
	})
	keys := make([]string, 0, len(entries))
	for key := range entries {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		d.out.Emit(report.Fields{
			"kind": "session", "sync_id": syncID, "key": key, "value_b64": base64Of(entries[key]),
		})
	}
}

// assetID names a stored asset.
type assetID struct{ syncID, id string }

// assets writes every stored asset. The reader cannot list them, so the names come from
// the storage below it.
func (d *dumper) assets() error {
	names, err := d.assetNames()
	if err != nil {
		return err
	}
	for i, name := range names {
		line := report.Fields{"kind": "asset", "i": i, "sync_id": name.syncID, "id": name.id}
		err := d.bound(name.syncID, func(s c1zstore.Store) (err error) {
			line["content_type"], line["size"], line["sha256"], err = asset(d.ctx, s, name.id)
			return err
		})
		line["error"] = errorOf(err)
		d.out.Emit(line)
	}
	return nil
}

// asset reads an asset of the current sync: its type, its size and the SHA-256 of it.
func asset(ctx context.Context, s c1zstore.Store, id string) (contentType string, size int, sum string, err error) {
	contentType, data, err := s.GetAsset(ctx, &v2.AssetServiceGetAssetRequest{
		Asset: &v2.AssetRef{Id: id},
	})
	if err != nil {
		return contentType, 0, "", err
	}
	raw := []byte{}
	if data != nil {
		if raw, err = io.ReadAll(data); err != nil {
			return contentType, 0, "", err
		}
	}
	hash := sha256.Sum256(raw)
	return contentType, len(raw), hex.EncodeToString(hash[:]), nil
}

func (d *dumper) assetNames() (names []assetID, err error) {
	if engine, ok := pebble.AsEngine(d.store); ok {
		err = engine.IterateAssets(d.ctx, func(a *v3.AssetRecord) bool {
			names = append(names, assetID{a.GetSyncId(), a.GetExternalId()})
			return true
		})
		return names, err
	}
	err = sqlfile.With(d.path, func(db *sqlfile.File) (err error) {
		rows, err := db.Query("select sync_id, external_id from v1_assets order by id")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		for rows.Next() {
			var name assetID
			if err := rows.Scan(&name.syncID, &name.id); err != nil {
				return err
			}
			names = append(names, name)
		}
		return rows.Err()
	})
	return names, err
}
