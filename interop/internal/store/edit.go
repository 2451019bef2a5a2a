package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	v2 "github.com/conductorone/baton-sdk/pb/c1/connector/v2"
	"github.com/conductorone/baton-sdk/pkg/connectorstore"
	"github.com/conductorone/baton-sdk/pkg/dotc1z/c1zstore"
	"github.com/conductorone/baton-sdk/pkg/dotc1z/engine/pebble"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"c1z/interop/internal/report"
)

// EditPlan says how to edit a file.
type EditPlan struct {
	Seed  uint64
	Count int  // of each kind of edit
	End   bool // end the sync (again) before the save
}

// Edit copies a file and lets the SDK add, overwrite and delete rows in its newest sync.
// It prints each edit, saves, and checks that a new reader sees all of them.
func Edit(out *report.Lines, path, target string, plan EditPlan) error {
	ctx := context.Background()
	if err := copyFile(path, target); err != nil {
		return err
	}
	s, err := openFile(ctx, target, false)
	if err != nil {
		return err
	}
	e := &editor{ctx: ctx, out: out, store: s, rng: rand.New(rand.NewPCG(plan.Seed, 0xed17)),
		grants: map[string]bool{}, resources: map[ref]bool{}}
	id, err := e.edit(plan)
	if err = errors.Join(err, s.Close(ctx)); err != nil {
		return err
	}
	if err := e.check(target, id); err != nil {
		return err
	}
	out.Emit(report.Fields{"kind": "c1z_edit", "path": target, "seed": plan.Seed,
		"sync_id": id, "edits": e.edits, "ended": plan.End})
	return nil
}

// editor edits one sync and remembers what must be there (true) or gone (false).
type editor struct {
	ctx       context.Context
	out       *report.Lines
	store     c1zstore.Store
	rng       *rand.Rand
	grants    map[string]bool
	resources map[ref]bool
	edits     int
}

func (e *editor) did(op string, what any) {
	e.edits++
	e.out.Emit(report.Fields{"kind": "did", "op": op, "what": what})
}

func (e *editor) edit(plan EditPlan) (id string, err error) {
	runs, err := syncRuns(e.ctx, e.store)
	if err != nil || len(runs) == 0 {
		return "", errors.Join(err, errors.New("no sync to edit"))
	}
	id = runs[len(runs)-1].ID
	v, err := newView(e.ctx, e.store, id)
	if err != nil {
		return id, err
	}
	var grants []*v2.Grant
	var resources []*v2.Resource
	var entitlements []*v2.Entitlement
	_, err1 := walk(v.grants(nil), 0, func(g *v2.Grant) { grants = append(grants, g) })
	_, err2 := walk(v.resources("", nil), 0, func(r *v2.Resource) { resources = append(resources, r) })
	_, err3 := walk(v.entitlements(nil), 0, func(x *v2.Entitlement) { entitlements = append(entitlements, x) })
	if err := errors.Join(err1, err2, err3, e.store.SetCurrentSync(e.ctx, id)); err != nil {
		return id, err
	}
	for i := range plan.Count {
		if err := e.add(i, entitlements); err != nil {
			return id, err
		}
		if err := e.overwrite(resources); err != nil {
			return id, err
		}
		if err := e.deleteGrant(grants); err != nil {
			return id, err
		}
		if err := e.deleteResource(resources); err != nil {
			return id, err
		}
	}
	if plan.End {
		e.did("end_sync", id)
		err = e.store.EndSync(e.ctx)
	}
	return id, err
}

// add puts a new user and, where there is an entitlement, a grant for it.
func (e *editor) add(i int, entitlements []*v2.Entitlement) error {
	user := &v2.Resource{
		Id:          &v2.ResourceId{ResourceType: "user", Resource: fmt.Sprintf("new-%d-%x", i, e.rng.Uint32())},
		DisplayName: "A new user",
	}
	e.resources[refOf(user.Id)] = true
	e.did("put_resource", refOf(user.Id))
	if err := e.store.PutResources(e.ctx, user); err != nil || len(entitlements) == 0 {
		return err
	}
	on := entitlements[e.rng.IntN(len(entitlements))]
	grant := &v2.Grant{
		Id: on.GetId() + ":user:" + user.Id.Resource, Entitlement: on, Principal: user,
	}
	e.grants[grant.Id] = true
	e.did("put_grant", grant.Id)
	return e.store.PutGrants(e.ctx, grant)
}

// overwrite gives a resource another name and takes its parent away.
func (e *editor) overwrite(resources []*v2.Resource) error {
	if len(resources) == 0 {
		return nil
	}
	r := resources[e.rng.IntN(len(resources))]
	if there, known := e.resources[refOf(r.GetId())]; known && !there {
		return nil
	}
	r.DisplayName += " (edited)"
	r.ParentResourceId = nil
	e.resources[refOf(r.GetId())] = true
	e.did("overwrite_resource", refOf(r.GetId()))
	return e.store.PutResources(e.ctx, r)
}

// deleteGrant deletes by id. The SDK refuses an id that names several grants, and its
// SQLite engine cannot delete one that holds a NUL.
func (e *editor) deleteGrant(grants []*v2.Grant) error {
	if len(grants) == 0 {
		return nil
	}
	id := grants[e.rng.IntN(len(grants))].GetId()
	if _, known := e.grants[id]; known || strings.Contains(id, "\x00") {
		return nil
	}
	err := e.store.DeleteGrant(e.ctx, id)
	if status.Code(err) == codes.FailedPrecondition {
		return nil
	}
	e.grants[id] = false
	e.did("delete_grant", id)
	return err
}

// deleteResource is a call of the Pebble engine only.
func (e *editor) deleteResource(resources []*v2.Resource) error {
	engine, ok := pebble.AsEngine(e.store)
	if !ok || len(resources) == 0 {
		return nil
	}
	id := refOf(resources[e.rng.IntN(len(resources))].GetId())
	if _, known := e.resources[id]; known {
		return nil
	}
	e.resources[id] = false
	e.did("delete_resource", id)
	if err := engine.DeleteResourceRecord(e.ctx, id.Type, id.ID); err != nil {
		return err
	}
	if !pebble.MarkStoreDirty(e.store) {
		return errors.New("the store cannot be marked dirty")
	}
	return nil
}

// check reads the saved file with a new handle.
func (e *editor) check(path, syncID string) (err error) {
	s, err := openFile(e.ctx, path, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close(e.ctx)) }()
	v, err := newView(e.ctx, s, syncID)
	if err != nil {
		return err
	}
	for id, there := range e.grants {
		_, err := v.grant(id)
		if err := seen("grant "+id, there, err); err != nil {
			return err
		}
	}
	for id, there := range e.resources {
		_, err := v.resource(id.proto())
		if err := seen(fmt.Sprintf("resource %v", id), there, err); err != nil {
			return err
		}
	}
	return nil
}

func seen(what string, expected bool, err error) error {
	if err != nil && status.Code(err) != codes.NotFound {
		return fmt.Errorf("%s: %w", what, err)
	}
	return report.Same(what+" present", expected, err == nil)
}

// Resume copies a file whose sync is not finished, lets the SDK resume that sync, puts one
// more user, ends the sync and saves.
func Resume(out *report.Lines, path, target string) error {
	ctx := context.Background()
	if err := copyFile(path, target); err != nil {
		return err
	}
	s, err := openFile(ctx, target, false)
	if err != nil {
		return err
	}
	e := &editor{ctx: ctx, out: out, store: s, rng: rand.New(rand.NewPCG(1, 0xed17)),
		grants: map[string]bool{}, resources: map[ref]bool{}}
	id, step, err := e.resume()
	if err = errors.Join(err, s.Close(ctx)); err != nil {
		return err
	}
	if err := e.check(target, id); err != nil {
		return err
	}
	out.Emit(report.Fields{"kind": "c1z_resume", "path": target, "sync_id": id, "step": step})
	return e.finished(target, id)
}

func (e *editor) resume() (id, step string, err error) {
	id, fresh, err := e.store.StartOrResumeSync(e.ctx, connectorstore.SyncTypeAny, "")
	if err != nil {
		return id, "", err
	}
	if err := report.Same("new sync started", false, fresh); err != nil {
		return id, "", err
	}
	if step, err = e.store.CurrentSyncStep(e.ctx); err != nil {
		return id, step, err
	}
	if err := e.add(0, nil); err != nil {
		return id, step, err
	}
	e.did("end_sync", id)
	return id, step, e.store.EndSync(e.ctx)
}

// finished checks that the sync has ended in the saved file.
func (e *editor) finished(path, id string) (err error) {
	s, err := openFile(e.ctx, path, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close(e.ctx)) }()
	runs, err := syncRuns(e.ctx, s)
	for _, run := range runs {
		if run.ID == id && run.EndedAt == nil {
			return fmt.Errorf("the sync has not ended sync_id=`%s`", id)
		}
	}
	return err
}
