package store

import (
	"context"
	"errors"
	"time"

	readerv2 "github.com/conductorone/baton-sdk/pb/c1/reader/v2"
	"github.com/conductorone/baton-sdk/pkg/connectorstore"
	"github.com/conductorone/baton-sdk/pkg/dotc1z/c1zstore"

	"c1z/interop/internal/report"
)

// DumpPlan says how much of a file to dump.
type DumpPlan struct {
	// Hash writes the id and the SHA-256 of each row instead of the row itself, and
	// samples less: for large files.
	Hash bool
}

// Dump opens a file read-only and prints everything that the store answers. A file that
// cannot be opened is one line of kind open_error, and an error.
func Dump(out *report.Lines, path string, plan DumpPlan) (err error) {
	ctx := context.Background()
	s, err := openFile(ctx, path, true)
	if err != nil {
		out.Emit(report.Fields{"kind": "open_error", "error": errorOf(err)})
		return err
	}
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	d := &dumper{ctx: ctx, out: out, store: s, path: path, plan: plan}
	return d.all()
}

type dumper struct {
	ctx   context.Context
	out   *report.Lines
	store c1zstore.Store
	path  string
	plan  DumpPlan
}

func (d *dumper) all() error {
	about := d.store.Metadata()
	d.out.Emit(report.Fields{
		"kind": "meta", "engine": about.Engine, "format": about.Format,
		"read_at": time.Now().UTC().Format(time.RFC3339),
	})
	runs, err := syncRuns(d.ctx, d.store)
	if err != nil {
		d.out.Emit(report.Fields{"kind": "error", "op": "ListSyncRuns", "error": errorOf(err)})
	}
	for i, run := range runs {
		d.syncRun(i, run)
	}
	d.syncLookups()
	unnamed, err := newView(d.ctx, d.store, "")
	if err != nil {
		return err
	}
	d.collect(unnamed)
	for _, run := range runs {
		if err := d.sync(run); err != nil {
			return err
		}
	}
	return d.assets()
}

func (d *dumper) syncRun(i int, run *c1zstore.SyncRun) {
	line := report.Fields{
		"kind": "sync_run", "i": i, "id": run.ID, "type": run.Type,
		"parent_sync_id": run.ParentSyncID, "linked_sync_id": run.LinkedSyncID,
		"sync_token": run.SyncToken, "supports_diff": run.SupportsDiff,
	}
	if run.StartedAt != nil {
		line["started_at"] = timeOf(run.StartedAt)
	}
	if run.EndedAt != nil {
		line["ended_at"] = timeOf(run.EndedAt)
	}
	if run.Stats != nil {
		line["stats"] = jsonOf(run.Stats)
	}
	if run.Generation != "" {
		line["ingest_invariant_generation"] = run.Generation
		line["ingest_invariant_coverage"] = run.Coverage
		line["ingest_invariant_mode"] = run.Mode
	}
	d.out.Emit(line)
}

// lookup writes one question and its answer.
func (d *dumper) lookup(op string, answer any, err error, question report.Fields) {
	d.out.Emit(report.Merge(question, report.Fields{
		"kind": "lookup", "op": op, "result": answer, "error": errorOf(err),
	}))
}

// syncLookups asks for the latest syncs of each type.
func (d *dumper) syncLookups() {
	var list []any
	_, err := walk(func(size uint32, token string) ([]*readerv2.SyncRun, string, error) {
		page, err := d.store.ListSyncs(d.ctx, &readerv2.SyncsReaderServiceListSyncsRequest{
			PageSize: size, PageToken: token,
		})
		return page.GetSyncs(), page.GetNextPageToken(), err
	}, 0, func(run *readerv2.SyncRun) { list = append(list, jsonOf(run)) })
	d.lookup("ListSyncs", list, err, nil)
	for _, kind := range connectorstore.AllSyncTypes {
		asked := report.Fields{"sync_type": kind}
		got, err := d.store.GetLatestFinishedSync(d.ctx,
			&readerv2.SyncsReaderServiceGetLatestFinishedSyncRequest{SyncType: string(kind)})
		d.lookup("GetLatestFinishedSync", got.GetSync().GetId(), err, asked)
		if fetcher, ok := d.store.(connectorstore.LatestFinishedSyncIDFetcher); ok {
			id, err := fetcher.LatestFinishedSyncID(d.ctx, kind)
			d.lookup("LatestFinishedSyncID", id, err, asked)
		}
	}
	full, err := d.store.SyncMeta().LatestFullSync(d.ctx)
	d.lookupRun("LatestFullSync", full, err)
	latest, err := d.store.SyncMeta().LatestFinishedSyncOfAnyType(d.ctx)
	d.lookupRun("LatestFinishedSyncOfAnyType", latest, err)
}

// lookupRun leaves the result out when there is no such sync.
func (d *dumper) lookupRun(op string, run *c1zstore.SyncRun, err error) {
	line := report.Fields{"kind": "lookup", "op": op, "error": errorOf(err)}
	if run != nil {
		line["result"] = run.ID
	}
	d.out.Emit(line)
}

// sync dumps one sync: rows, pages, stats, sessions and lookups.
func (d *dumper) sync(run *c1zstore.SyncRun) error {
	v, err := newView(d.ctx, d.store, run.ID)
	if err != nil {
		return err
	}
	if err := d.focus(run.ID); err != nil {
		return err
	}
	held := d.collect(v)
	d.smallPages(v, held)
	d.expansions(run.ID)
	var step string
	err = d.bound(run.ID, func(s c1zstore.Store) (err error) {
		step, err = s.CurrentSyncStep(d.ctx)
		return err
	})
	d.lookup("CurrentSyncStep", step, err, report.Fields{"sync_id": run.ID})
	d.stats(run)
	d.sessions(run.ID)
	d.lookups(v, held)
	return d.focus("")
}

// viewer is an engine that holds several syncs.
type viewer interface {
	ViewSync(ctx context.Context, id string) error
}

// focus points calls that cannot name a sync at one, where the engine holds several.
func (d *dumper) focus(id string) error {
	if several, ok := d.store.(viewer); ok {
		return several.ViewSync(d.ctx, id)
	}
	return nil
}

// bound runs use with a handle whose current sync is the named one. It is a handle of its
// own where the engine holds several syncs: there one with a current sync cannot view
// others.
func (d *dumper) bound(id string, use func(c1zstore.Store) error) (err error) {
	s := d.store
	if _, several := s.(viewer); several {
		if s, err = openFile(d.ctx, d.path, true); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Close(d.ctx)) }()
	}
	if err := s.SetCurrentSync(d.ctx, id); err != nil {
		return err
	}
	return use(s)
}
