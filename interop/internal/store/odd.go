package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	v2 "github.com/conductorone/baton-sdk/pb/c1/connector/v2"
	"github.com/conductorone/baton-sdk/pkg/connectorstore"
	"github.com/conductorone/baton-sdk/pkg/dotc1z/c1zstore"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// oddWords are what ids and names of real systems hold, and what none should hold.
var oddWords = [...]string{
	"a", "a:b", ":", "a::b:", "%", "_", "a_%b", "a\x00b", "\x00", "\x01", "ü", "u\u0308", "東京", "😀", " ", "tab\tnl\n",
	"'", "\"q\"", "=1+2", "null", "A", "a/b\\c", "\u202eevil", "\U0010ffff", "1", "01", strings.Repeat("long", 300),
}

// odd makes small worlds of odd rows: every id is one of oddWords or two of them joined.
type odd struct {
	rng          *rand.Rand
	types        []*v2.ResourceType
	resources    []*v2.Resource
	entitlements []*v2.Entitlement
	grants       []*v2.Grant
}

func newOdd(seed uint64, grants int) (*odd, error) {
	o := &odd{rng: rand.New(rand.NewPCG(seed, 0x0dd))}
	o.makeTypes()
	for range 10 + grants/4 {
		if err := o.makeResource(); err != nil {
			return nil, err
		}
	}
	// Lookups of a dump name an entitlement by its id alone, so no two have the same.
	taken := map[string]bool{}
	for range 5 + grants/8 {
		o.makeEntitlement(taken)
	}
	taken = map[string]bool{}
	for range grants {
		if err := o.makeGrant(taken); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func (o *odd) word() string { return oddWords[o.rng.IntN(len(oddWords))] }

func (o *odd) id() string {
	if o.rng.IntN(3) == 0 {
		return o.word()
	}
	return o.word() + oneOf(o.rng, []string{"", ":", "-"}) + o.word()
}

func (o *odd) maybe(text string) string {
	if o.rng.IntN(4) == 0 {
		return ""
	}
	return text
}

func oneOf[T any](rng *rand.Rand, items []T) T { return items[rng.IntN(len(items))] }

func (o *odd) makeTypes() {
	// Edits add users.
	o.types = append(o.types, &v2.ResourceType{Id: "user"})
	seen := map[string]bool{}
	for range 5 {
		id := o.id()
		if seen[id] {
			continue
		}
		seen[id] = true
		traits := []v2.ResourceType_Trait{v2.ResourceType_Trait(o.rng.IntN(6))}
		o.types = append(o.types, &v2.ResourceType{Id: id, DisplayName: o.maybe(o.id()), Traits: traits,
			Description: o.maybe(o.id())})
	}
}

func (o *odd) resourceID() *v2.ResourceId {
	return &v2.ResourceId{ResourceType: oneOf(o.rng, o.types).Id, Resource: o.id()}
}

func (o *odd) makeResource() error {
	r := &v2.Resource{Id: o.resourceID(), DisplayName: o.maybe(o.id()), Description: o.maybe(o.id())}
	if len(o.resources) > 0 && o.rng.IntN(3) == 0 {
		r.ParentResourceId = oneOf(o.rng, o.resources).Id
	}
	var messages []proto.Message
	if o.rng.IntN(2) == 0 {
		messages = append(messages, &v2.UserTrait{
			Emails: []*v2.UserTrait_Email{{Address: o.id(), IsPrimary: true}},
			Status: &v2.UserTrait_Status{Status: v2.UserTrait_Status_STATUS_ENABLED}, Login: o.word(),
		})
	}
	notes, err := annotations(messages...)
	r.Annotations = append(notes, o.unknown()...)
	o.resources = append(o.resources, r)
	return err
}

// unknown is at times an annotation of a type that no one knows.
func (o *odd) unknown() []*anypb.Any {
	if o.rng.IntN(4) != 0 {
		return nil
	}
	return []*anypb.Any{{TypeUrl: "type.googleapis.com/not.known.Thing", Value: []byte{8, byte(o.rng.IntN(128))}}}
}

func (o *odd) makeEntitlement(taken map[string]bool) {
	id := o.id()
	if taken[id] {
		return
	}
	taken[id] = true
	on := oneOf(o.rng, o.resources)
	if o.rng.IntN(2) == 0 {
		on = &v2.Resource{Id: on.Id}
	}
	x := &v2.Entitlement{
		Id: id, Resource: on, DisplayName: o.maybe(o.id()), Slug: o.maybe(o.word()),
		Description: o.maybe(o.id()), Purpose: v2.Entitlement_PurposeValue(o.rng.IntN(3)),
		Annotations: o.unknown(),
	}
	if o.rng.IntN(2) == 0 {
		x.GrantableTo = []*v2.ResourceType{oneOf(o.rng, o.types), {Id: o.id()}}
	}
	o.entitlements = append(o.entitlements, x)
}

func (o *odd) makeGrant(taken map[string]bool) error {
	g := &v2.Grant{Entitlement: oneOf(o.rng, o.entitlements), Principal: oneOf(o.rng, o.resources)}
	if o.rng.IntN(2) == 0 {
		g.Principal = &v2.Resource{Id: o.resourceID()} // often one that the file does not hold
	}
	if o.rng.IntN(3) == 0 {
		g.Entitlement = &v2.Entitlement{Id: g.Entitlement.Id, Resource: g.Entitlement.Resource}
	}
	p := g.Principal.Id
	g.Id = fmt.Sprintf("%s:%s:%s", g.Entitlement.Id, p.ResourceType, p.Resource)
	if o.rng.IntN(3) == 0 {
		g.Id = fmt.Sprintf("%s-%d", o.id(), o.rng.IntN(1000))
	}
	if taken[g.Id] {
		return nil
	}
	taken[g.Id] = true
	var messages []proto.Message
	if o.rng.IntN(4) == 0 {
		messages = append(messages, &v2.GrantImmutable{SourceId: o.word()})
	}
	if o.rng.IntN(4) == 0 {
		messages = append(messages, &v2.GrantExpandable{
			EntitlementIds: []string{oneOf(o.rng, o.entitlements).Id}, Shallow: o.rng.IntN(2) == 0,
			ResourceTypeIds: []string{o.word()},
		})
	}
	if o.rng.IntN(4) == 0 {
		g.Sources = &v2.GrantSources{Sources: map[string]*v2.GrantSources_GrantSource{
			o.id(): {}, oneOf(o.rng, o.entitlements).Id: {IsDirect: true},
		}}
	}
	notes, err := annotations(messages...)
	g.Annotations = append(notes, o.unknown()...)
	o.grants = append(o.grants, g)
	return err
}

// fillOdd writes plan.Syncs syncs of odd rows, of all types, in a v3 file one. The last one is full.
func fillOdd(ctx context.Context, s c1zstore.Store, plan MakePlan) (id string, err error) {
	kinds := []connectorstore.SyncType{
		connectorstore.SyncTypeFull, connectorstore.SyncTypePartial, connectorstore.SyncTypeResourcesOnly,
	}
	for n := range plan.Syncs {
		last := n == plan.Syncs-1
		kind := kinds[(plan.Seed+uint64(n))%3]
		parent := ""
		if last {
			kind = connectorstore.SyncTypeFull
		}
		if kind == connectorstore.SyncTypePartial {
			parent = id
		}
		// Every other sync holds the rows of the one before, so that ids recur.
		o, err := newOdd(plan.Seed*16+uint64(n/2), plan.Grants)
		if err != nil {
			return id, err
		}
		if id, err = s.StartNewSync(ctx, kind, parent); err != nil {
			return id, err
		}
		if kind == connectorstore.SyncTypeResourcesOnly {
			o.entitlements, o.grants = nil, nil
		}
		if err := o.put(ctx, s); err != nil {
			return id, err
		}
		if err := finishSync(ctx, s, id, plan.Unfinished && last); err != nil {
			return id, err
		}
	}
	return id, nil
}

func (o *odd) put(ctx context.Context, s c1zstore.Store) error {
	if err := s.PutResourceTypes(ctx, o.types...); err != nil {
		return err
	}
	if err := s.PutResources(ctx, o.resources...); err != nil {
		return err
	}
	if err := s.PutEntitlements(ctx, o.entitlements...); err != nil {
		return err
	}
	return s.PutGrants(ctx, o.grants...)
}
