package store

import (
	"slices"

	v2 "github.com/conductorone/baton-sdk/pb/c1/connector/v2"
	readerv2 "github.com/conductorone/baton-sdk/pb/c1/reader/v2"
	"github.com/conductorone/baton-sdk/pkg/connectorstore"
	"github.com/conductorone/baton-sdk/pkg/dotc1z/c1zstore"
	"google.golang.org/protobuf/proto"

	"c1z/interop/internal/report"
)

const (
	sampleRows   = 60   // entities of a kind asked about
	sampleHashed = 40   // the same in a dump of hashes
	batchIDs     = 20   // ids in a call that takes several
	longResult   = 1000 // longer results are counted only
)

// lookups asks the filtered lists and point reads, about a sample of what the sync holds.
func (d *dumper) lookups(v view, h *held) {
	q := &questions{dumper: d, view: v, held: h, most: sampleRows}
	if d.plan.Hash {
		q.most = sampleHashed
	}
	q.ofTypes()
	q.ofParents()
	q.ofResources()
	q.ofEntitlements()
	q.ofGrants()
}

type questions struct {
	*dumper
	view
	*held
	most int
}

func (q *questions) ask(op string, answer any, err error, about report.Fields) {
	q.lookup(op, answer, err, report.Merge(about, report.Fields{"sync_id": q.id}))
}

// askList writes the result of a list, or its length when it is long or counted is set.
func (q *questions) askList(op string, ids []any, err error, about report.Fields, counted bool) {
	if counted || len(ids) > longResult {
		q.ask(op, nil, err, report.Merge(about, report.Fields{"count": len(ids)}))
		return
	}
	q.ask(op, ids, err, about)
}

// askUnlessEmpty leaves empty lists out: most resources have no entitlements or grants.
func (q *questions) askUnlessEmpty(op string, ids []any, err error, about report.Fields) {
	if err != nil || len(ids) > 0 {
		q.askList(op, ids, err, about, false)
	}
}

// askGet writes whether a point read gives the same message as the list.
func (q *questions) askGet(op string, got proto.Message, err error, listed fingerprint, about report.Fields) {
	if err != nil {
		q.ask(op, false, err, about)
		return
	}
	print, _, err := fingerprintOf(got)
	q.ask(op, print == listed, err, about)
	if grant, ok := got.(*v2.Grant); ok && print != listed {
		q.out.Emit(report.Fields{
			"kind": "get_grant_differs", "sync_id": q.id, "id": grant.GetId(), "data": jsonOf(got),
		})
	}
}

func grantIDs(get fetch[*v2.Grant]) (ids []any, pages []int, err error) {
	ids = []any{}
	pages, err = walk(get, 0, func(g *v2.Grant) { ids = append(ids, g.GetId()) })
	return ids, pages, err
}

func (q *questions) ofTypes() {
	ids := []string{"no-such-type"}
	for id := range q.types {
		ids = append(ids, id)
	}
	for _, g := range q.held.grants {
		ids = append(ids, g.principal.Type)
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		about := report.Fields{"resource_type_id": id}
		found := []any{}
		_, err := walk(q.view.resources(id, nil), 0, func(r *v2.Resource) {
			found = append(found, r.GetId().GetResource())
		})
		q.askList("ListResources", found, err, about, q.plan.Hash)
		grants, _, err := grantIDs(q.ofResourceType(id))
		q.askList("ListGrantsForResourceType", grants, err, about, q.plan.Hash)
		got, err := q.resourceType(id)
		q.askGet("GetResourceType", got, err, q.types[id], about)
	}
}

func (q *questions) ofParents() {
	seen := map[ref]bool{}
	for _, r := range q.held.resources {
		parent := refOf(r.parent)
		if r.parent == nil || seen[parent] || len(seen) >= q.most {
			continue
		}
		seen[parent] = true
		found := []any{}
		_, err := walk(q.view.resources("", r.parent), 0, func(r *v2.Resource) {
			found = append(found, refOf(r.GetId()))
		})
		q.askList("ListResources", found, err, report.Fields{"parent": parent}, false)
	}
}

func (q *questions) ofResources() {
	var asked []ref
	for _, i := range sample(len(q.held.resources), q.most) {
		r := q.held.resources[i]
		asked = append(asked, r.id)
		about := report.Fields{"resource": r.id}
		got, err := q.resource(r.id.proto())
		q.askGet("GetResource", got, err, r.print, about)
		found := []any{}
		_, err = walk(q.view.entitlements(r.id.proto()), 0, func(e *v2.Entitlement) {
			found = append(found, e.GetId())
		})
		q.askUnlessEmpty("ListEntitlements", found, err, about)
		found, _, err = grantIDs(q.view.grants(r.id.proto()))
		q.askUnlessEmpty("ListGrants", found, err, about)
		found, _, err = grantIDs(q.ofPrincipal(r.id.proto(), nil))
		q.askUnlessEmpty("ListGrantsForPrincipal", found, err, report.Fields{"principal": r.id})
	}
	missing := ref{Type: "user", ID: "no-such-resource"}
	got, err := q.resource(missing.proto())
	q.askGet("GetResource", got, err, fingerprint{}, report.Fields{"resource": missing})
	q.resourcesByIDs(append(asked[:min(batchIDs, len(asked))], missing))
}

func (q *questions) resourcesByIDs(ids []ref) {
	var wanted []*v2.ResourceId
	for _, id := range ids {
		wanted = append(wanted, id.proto())
	}
	got, err := q.store().ListResourcesByIds(q.view.ctx, &readerv2.ResourcesReaderServiceListResourcesByIdsRequest{
		ResourceIds: wanted, Annotations: q.notes,
	})
	found := []any{}
	for _, r := range got.GetList() {
		found = append(found, refOf(r.GetId()))
	}
	q.ask("ListResourcesByIds", found, err, report.Fields{"ids": ids})
}

// store resolves which of the embedded stores is meant; they are the same one.
func (q *questions) store() c1zstore.Store { return q.view.store }

func (q *questions) ofEntitlements() {
	var asked []*v2.Entitlement
	var ids []string
	for _, i := range sample(len(q.held.entitlements), q.most) {
		e := q.held.entitlements[i]
		wanted := &v2.Entitlement{Id: e.id, Resource: stub(e.on.proto())}
		asked, ids = append(asked, wanted), append(ids, e.id)
		got, err := q.entitlement(e.id)
		q.askGet("GetEntitlement", got, err, e.print, report.Fields{"entitlement_id": e.id})
		q.grantsOf(e, wanted)
		q.digestOf(wanted)
	}
	q.generation()
	got, err := q.entitlement("no-such-entitlement")
	q.askGet("GetEntitlement", got, err, fingerprint{},
		report.Fields{"entitlement_id": "no-such-entitlement"})
	few := min(batchIDs, len(ids))
	q.entitlementsByIDs(append(ids[:few:few], "no-such-entitlement"))
	if !q.plan.Hash && few > 0 {
		found, _, err := grantIDs(q.view.ofEntitlements(asked[:few]))
		q.askList("ListGrantsForEntitlements", found, err,
			report.Fields{"entitlement_ids": ids[:few]}, false)
	}
}

// grantsOf asks for an entitlement's grants in every way; the narrowed lists are about
// the principal of the grant in the middle.
func (q *questions) grantsOf(e heldEntitlement, wanted *v2.Entitlement) {
	var principals []ref
	for _, g := range q.held.grants {
		if g.entitlement == e.id && g.on == e.on {
			principals = append(principals, g.principal)
		}
	}
	about := report.Fields{"entitlement_id": e.id}
	with := func(more report.Fields) report.Fields { return report.Merge(about, more) }
	const op = "ListGrantsForEntitlement"
	if len(principals) > 0 {
		ids, _, err := grantIDs(q.ofEntitlement(&v2.Entitlement{Id: e.id}, nil, nil))
		q.ask(op, nil, err, with(report.Fields{"bare_id": true, "count": len(ids)}))
	}
	ids, pages, err := grantIDs(q.ofEntitlement(wanted, nil, nil))
	if len(ids) > longResult {
		q.ask(op, nil, err, with(report.Fields{"count": len(ids), "pages": pages}))
	} else {
		q.ask(op, ids, err, about)
	}
	if len(principals) == 0 {
		return
	}
	who := principals[len(principals)/2]
	narrowed := with(report.Fields{"principal": who})
	ids, _, err = grantIDs(q.ofEntitlement(wanted, who.proto(), nil))
	q.askList(op, ids, err, narrowed, false)
	kinds := []string{who.Type}
	ids, _, err = grantIDs(q.ofEntitlement(wanted, nil, kinds))
	q.askList(op, ids, err, with(report.Fields{"principal_resource_type_ids": kinds}), false)
	ids, _, err = grantIDs(q.ofPrincipal(who.proto(), wanted))
	q.askList("ListGrantsForPrincipal", ids, err, narrowed, false)
}

func (q *questions) entitlementsByIDs(ids []string) {
	got, err := q.store().ListEntitlementsByIds(q.view.ctx,
		&readerv2.EntitlementsReaderServiceListEntitlementsByIdsRequest{
			EntitlementIds: ids, Annotations: q.notes,
		})
	found := []any{}
	for _, e := range got.GetList() {
		found = append(found, e.GetId())
	}
	q.ask("ListEntitlementsByIds", found, err, report.Fields{"ids": ids})
}

// digestOf asks for an entitlement's grant digest and for its nodes: those that are
// stored, or two bits finer when only the root is stored.
func (q *questions) digestOf(e *v2.Entitlement) {
	reader, ok := q.store().(connectorstore.EntitlementGrantDigestReader)
	if !ok {
		return
	}
	about := report.Fields{"entitlement_id": e.GetId()}
	root, found, err := reader.GetEntitlementGrantDigest(q.view.ctx, e)
	answer := report.Fields{"found": found}
	if found {
		answer["count"], answer["level"] = root.Count, root.Level
		answer["hash_hex"] = hexOf(root.Hash)
	}
	q.ask("GetEntitlementGrantDigest", answer, err, about)
	if !found {
		return
	}
	level := root.Level
	if level == 0 && root.Count > 0 {
		level = 2
	}
	nodes, _, err := reader.GetEntitlementGrantDigestNodes(q.view.ctx, e, level)
	list := []any{}
	for _, n := range nodes {
		list = append(list, report.Fields{
			"index": n.Index, "count": n.Count, "hash_hex": hexOf(n.Hash),
		})
	}
	q.ask("GetEntitlementGrantDigestNodes", list, err,
		report.Merge(about, report.Fields{"level": level}))
}

// generation asks for the digest over all grants of the file.
func (q *questions) generation() {
	reader, ok := q.store().(c1zstore.GrantGenerationDigestReader)
	if !ok {
		return
	}
	digest, found, err := reader.GrantGenerationDigest(q.view.ctx)
	q.ask("GrantGenerationDigest", report.Fields{
		"found": found, "count": digest.Count, "abi_version": digest.ABIVersion,
		"hash_hex": hexOf(digest.Hash),
	}, err, nil)
}

func (q *questions) ofGrants() {
	for _, i := range sample(len(q.held.grants), q.most) {
		g := q.held.grants[i]
		got, err := q.grant(g.id)
		q.askGet("GetGrant", got, err, g.print, report.Fields{"grant_id": g.id})
	}
	got, err := q.grant("no-such-grant")
	q.askGet("GetGrant", got, err, fingerprint{}, report.Fields{"grant_id": "no-such-grant"})
}
