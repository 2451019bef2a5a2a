package store

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"

	v2 "github.com/conductorone/baton-sdk/pb/c1/connector/v2"
	"github.com/conductorone/baton-sdk/pkg/dotc1z/c1zstore"
	"google.golang.org/protobuf/proto"
)

// scatter writes random records of few identities, a call each, to random stores.
func scatter(ctx context.Context, rng *rand.Rand, stores []c1zstore.Store, calls int) error {
	for range calls {
		if err := putOne(ctx, rng, oneOf(rng, stores)); err != nil {
			return err
		}
	}
	return nil
}

func putOne(ctx context.Context, rng *rand.Rand, s c1zstore.Store) error {
	text := fmt.Sprintf("%d", rng.IntN(4))
	group := groupID(rng.IntN(4))
	on := &v2.Entitlement{
		Id: "group:" + group.Resource + ":" + slugOf(rng.IntN(2)), Resource: &v2.Resource{Id: group}, Slug: text,
	}
	switch rng.IntN(6) {
	case 0:
		return s.PutResourceTypes(ctx, &v2.ResourceType{Id: oneOf(rng, []string{"user", "group", "app"}), DisplayName: text})
	case 1:
		r := &v2.Resource{Id: userID(rng.IntN(6)), DisplayName: text}
		if rng.IntN(2) == 0 {
			r.ParentResourceId = group
		}
		return s.PutResources(ctx, r)
	case 2:
		return s.PutEntitlements(ctx, on)
	case 3:
		asset := &v2.AssetRef{Id: "asset-" + text}
		return s.PutAsset(ctx, asset, "text/plain", bytes.Repeat([]byte(text), 3))
	default:
		return putGrant(ctx, rng, s, on, text)
	}
}

func putGrant(ctx context.Context, rng *rand.Rand, s c1zstore.Store, on *v2.Entitlement, text string) error {
	principal := userID(rng.IntN(6))
	var notes []proto.Message
	if rng.IntN(3) == 0 {
		notes = append(notes, &v2.GrantImmutable{SourceId: text})
	}
	if rng.IntN(3) == 0 {
		principal = groupID(4 + rng.IntN(2))
		notes = append(notes, &v2.GrantExpandable{EntitlementIds: []string{"group:" + principal.Resource + ":member"}})
	}
	annotated, err := annotations(notes...)
	if err != nil {
		return err
	}
	g := &v2.Grant{
		Id:          fmt.Sprintf("%s:%s:%s", on.Id, principal.ResourceType, principal.Resource),
		Entitlement: on, Principal: &v2.Resource{Id: principal}, Annotations: annotated,
	}
	if rng.IntN(4) == 0 {
		g.Sources = &v2.GrantSources{Sources: map[string]*v2.GrantSources_GrantSource{"group:" + text: {}}}
	}
	return s.PutGrants(ctx, g)
}
