package store

import (
	v2 "github.com/conductorone/baton-sdk/pb/c1/connector/v2"
	"google.golang.org/protobuf/proto"

	"c1z/interop/internal/report"
)

// held is what a dump keeps of a sync while it asks its questions.
type held struct {
	types        map[string]fingerprint
	resources    []heldResource
	entitlements []heldEntitlement
	grants       []heldGrant
}

type heldResource struct {
	id     ref
	parent *v2.ResourceId
	print  fingerprint
}

type heldEntitlement struct {
	id    string
	on    ref
	print fingerprint
}

type heldGrant struct {
	id, entitlement string
	on, principal   ref
	print           fingerprint
}

// collect reads the four lists with the default page size, writes their rows when the
// view names a sync, and a line that sums them up.
func (d *dumper) collect(v view) *held {
	h := &held{types: map[string]fingerprint{}}
	at := map[string]int{}
	keep := func(kind, id string, m proto.Message) fingerprint {
		print, raw, err := fingerprintOf(m)
		line := report.Fields{"kind": kind, "i": at[kind], "sync_id": v.id}
		at[kind]++
		switch {
		case err != nil:
			line["error"] = errorOf(err)
		case d.plan.Hash:
			line["id"], line["pb_sha256"] = id, print.hex()
		default:
			line["pb"], line["data"] = base64Of(raw), jsonOf(m)
		}
		if v.id != "" {
			d.out.Emit(line)
		}
		return print
	}
	counts, errs := report.Fields{}, report.Fields{}
	note := func(list string, pages []int, err error) {
		counts[list], errs[list] = pages, errorOf(err)
	}
	pages, err := walk(v.resourceTypes, 0, func(t *v2.ResourceType) {
		h.types[t.GetId()] = keep("resource_type", t.GetId(), t)
	})
	note("resource_types", pages, err)
	pages, err = walk(v.resources("", nil), 0, func(r *v2.Resource) {
		id := refOf(r.GetId())
		print := keep("resource", id.Type+"\x1f"+id.ID, r)
		h.resources = append(h.resources, heldResource{id, r.GetParentResourceId(), print})
	})
	note("resources", pages, err)
	pages, err = walk(v.entitlements(nil), 0, func(e *v2.Entitlement) {
		h.entitlements = append(h.entitlements, heldEntitlement{
			e.GetId(), refOf(e.GetResource().GetId()), keep("entitlement", e.GetId(), e),
		})
	})
	note("entitlements", pages, err)
	pages, err = walk(v.grants(nil), 0, func(g *v2.Grant) {
		on := g.GetEntitlement()
		h.grants = append(h.grants, heldGrant{
			g.GetId(), on.GetId(), refOf(on.GetResource().GetId()),
			refOf(g.GetPrincipal().GetId()), keep("grant", g.GetId(), g),
		})
	})
	note("grants", pages, err)
	d.out.Emit(report.Fields{
		"kind": "view", "sync_id": v.id, "default_page_counts": counts, "errors": errs,
		"resource_types": at["resource_type"], "resources": at["resource"],
		"entitlements": at["entitlement"], "grants": at["grant"],
	})
	return h
}

// smallPages reads the lists again, seven rows a page; of a large file only the types.
func (d *dumper) smallPages(v view, h *held) {
	const size = 7
	line := report.Fields{"kind": "page_size_7", "sync_id": v.id}
	var errs []any
	note := func(list string, pages []int, err error) {
		line[list] = pages
		errs = append(errs, errorOf(err))
	}
	pages, err := walk(v.resourceTypes, size, func(*v2.ResourceType) {})
	note("resource_types", pages, err)
	if !d.plan.Hash {
		pages, err = walk(v.resources("", nil), size, func(*v2.Resource) {})
		note("resources", pages, err)
		pages, err = walk(v.entitlements(nil), size, func(*v2.Entitlement) {})
		note("entitlements", pages, err)
		at, same := 0, true
		pages, err = walk(v.grants(nil), size, func(g *v2.Grant) {
			same = same && at < len(h.grants) && h.grants[at].id == g.GetId()
			at++
		})
		note("grants", pages, err)
		line["grants_same_order"] = same && at == len(h.grants)
	}
	line["errors"] = errs
	d.out.Emit(line)
}
