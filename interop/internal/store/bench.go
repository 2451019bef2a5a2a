package store

import (
	"context"
	"errors"
	"fmt"

	v2 "github.com/conductorone/baton-sdk/pb/c1/connector/v2"
	"github.com/conductorone/baton-sdk/pkg/dotc1z/c1zstore"

	"c1z/interop/internal/report"
)

const (
	benchGets         = 1000 // grants got, and principals asked about
	benchEntitlements = 100
)

// Bench times reads of a file with the SDK's store, one line a phase.
func Bench(out *report.Lines, path string) (err error) {
	b := &bench{ctx: context.Background(), out: out}
	err = b.phase("open", 1, func(int) (int, error) {
		b.store, err = openFile(b.ctx, path, true)
		return 1, err
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.store.Close(b.ctx)) }()
	if err := b.reads(); err != nil {
		return err
	}
	err = b.phase("open_and_first_principal_page", 1, func(int) (int, error) {
		return b.openAndRead(path)
	})
	out.Emit(report.Fields{"kind": "bench_read", "path": path, "peak_rss": report.PeakRSS()})
	return err
}

type bench struct {
	ctx          context.Context
	out          *report.Lines
	store        c1zstore.Store
	principals   []*v2.ResourceId
	entitlements []*v2.Entitlement
	grantIDs     []string
}

// phase times calls and prints how many calls gave how many rows.
func (b *bench) phase(name string, calls int, run func(call int) (rows int, err error)) error {
	watch, total := report.Start(), 0
	for call := range calls {
		rows, err := run(call)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		total += rows
	}
	b.out.Emit(report.Merge(watch.Fields(), report.Fields{
		"kind": "phase", "phase": name, "calls": calls, "rows": total,
	}))
	return nil
}

// reads names no sync: it reads what the store shows by itself.
func (b *bench) reads() error {
	v := view{ctx: b.ctx, store: b.store}
	count := func(get fetch[*v2.Grant]) (rows int, err error) {
		_, err = walk(get, 0, func(*v2.Grant) { rows++ })
		return rows, err
	}
	err := b.phase("list_grants", 1, func(int) (int, error) { return count(v.grants(nil)) })
	if err != nil {
		return err
	}
	if err := b.choose(v); err != nil {
		return err
	}
	return errors.Join(
		b.phase("by_principal", len(b.principals), func(i int) (int, error) {
			return count(v.ofPrincipal(b.principals[i], nil))
		}),
		b.phase("by_entitlement", len(b.entitlements), func(i int) (int, error) {
			return count(v.ofEntitlement(b.entitlements[i], nil, nil))
		}),
		b.phase("get_grant", len(b.grantIDs), func(i int) (int, error) {
			_, err := v.grant(b.grantIDs[i])
			return 1, err
		}),
		b.phase("get_resource", len(b.principals), func(i int) (int, error) {
			_, err := v.resource(b.principals[i])
			return 1, err
		}),
	)
}

// choose picks, outside the timed phases, whom to ask about.
func (b *bench) choose(v view) error {
	var grants []*v2.Grant
	var entitlements []*v2.Entitlement
	rows := 0
	_, err := walk(v.grants(nil), 0, func(g *v2.Grant) {
		if rows%17 == 0 {
			grants = append(grants, g)
		}
		rows++
	})
	if err != nil {
		return err
	}
	_, err = walk(v.entitlements(nil), 0, func(e *v2.Entitlement) {
		entitlements = append(entitlements, e)
	})
	for _, i := range sample(len(grants), benchGets) {
		b.grantIDs = append(b.grantIDs, grants[i].GetId())
		b.principals = append(b.principals, grants[i].GetPrincipal().GetId())
	}
	for _, i := range sample(len(entitlements), benchEntitlements) {
		e := entitlements[i]
		b.entitlements = append(b.entitlements,
			&v2.Entitlement{Id: e.GetId(), Resource: stub(e.GetResource().GetId())})
	}
	return err
}

// openAndRead opens the file anew and reads the first page of one principal's grants.
func (b *bench) openAndRead(path string) (rows int, err error) {
	if len(b.principals) == 0 {
		return 0, nil
	}
	s, err := openFile(b.ctx, path, true)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close(b.ctx)) }()
	page, _, err := view{ctx: b.ctx, store: s}.ofPrincipal(b.principals[0], nil)(100, "")
	return len(page), err
}
