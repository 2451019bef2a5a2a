package store

import (
	"fmt"
	"math/rand/v2"

	v2 "github.com/conductorone/baton-sdk/pb/c1/connector/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// world is made-up data: users, groups with two entitlements each, and grants of them.
// A tenth of the grants is immutable, one in fifty has sources, one in two hundred goes
// to a group and is expandable.
type world struct {
	rng    *rand.Rand
	users  int
	groups int
	taken  map[string]bool // grant ids
}

func newWorld(seed uint64, grants int) *world {
	return &world{
		rng:    rand.New(rand.NewPCG(seed, 0xc12)),
		users:  max(20, grants/10),
		groups: max(20, grants/500),
		taken:  map[string]bool{},
	}
}

func (w *world) types() []*v2.ResourceType {
	return []*v2.ResourceType{
		{Id: "user", DisplayName: "User", Traits: []v2.ResourceType_Trait{v2.ResourceType_TRAIT_USER}},
		{Id: "group", DisplayName: "Group", Traits: []v2.ResourceType_Trait{v2.ResourceType_TRAIT_GROUP}},
	}
}

func userID(i int) *v2.ResourceId {
	return &v2.ResourceId{ResourceType: "user", Resource: fmt.Sprintf("u%07d", i)}
}

func groupID(i int) *v2.ResourceId {
	return &v2.ResourceId{ResourceType: "group", Resource: fmt.Sprintf("g%05d", i)}
}

func (w *world) user(i int) (*v2.Resource, error) {
	trait := &v2.UserTrait{
		Emails: []*v2.UserTrait_Email{{Address: fmt.Sprintf("user%d@example.com", i), IsPrimary: true}},
		Login:  fmt.Sprintf("login-%d", i),
	}
	notes, err := annotations(trait)
	return &v2.Resource{
		Id: userID(i), DisplayName: fmt.Sprintf("User %d %s", i, w.word()), Annotations: notes,
	}, err
}

func (w *world) group(i int) *v2.Resource {
	r := &v2.Resource{Id: groupID(i), DisplayName: fmt.Sprintf("Group %d %s", i, w.word())}
	if i > 0 && i%3 == 0 {
		r.ParentResourceId = groupID(i / 3)
	}
	if i == 0 {
		r.Icon = &v2.AssetRef{Id: iconID}
	}
	return r
}

func entitlementOf(group int, slug string) *v2.Entitlement {
	on := groupID(group)
	return &v2.Entitlement{
		Id:          fmt.Sprintf("group:%s:%s", on.Resource, slug),
		Resource:    &v2.Resource{Id: on},
		DisplayName: fmt.Sprintf("Group %d %s", group, slug),
		Slug:        slug,
		Purpose:     v2.Entitlement_PURPOSE_VALUE_ASSIGNMENT,
		GrantableTo: []*v2.ResourceType{{Id: "user"}},
	}
}

func slugOf(i int) string { return [...]string{"member", "owner"}[i%2] }

// grant is the i-th grant; no two have one id.
func (w *world) grant(i int) (*v2.Grant, error) {
	for {
		slug, group := slugOf(w.rng.IntN(2)), w.rng.IntN(w.groups)
		principal := userID(w.rng.IntN(w.users))
		expandable := i%200 == 199
		if expandable {
			principal = groupID(w.rng.IntN(w.groups))
		}
		on := entitlementOf(group, slug)
		id := fmt.Sprintf("%s:%s:%s", on.Id, principal.ResourceType, principal.Resource)
		if w.taken[id] || expandable && principal.Resource == groupID(group).Resource {
			i = w.rng.IntN(199) // settle for a plain grant
			continue
		}
		w.taken[id] = true
		return w.dress(i, expandable, &v2.Grant{
			Id: id, Entitlement: on, Principal: &v2.Resource{Id: principal},
		})
	}
}

func (w *world) dress(i int, expandable bool, g *v2.Grant) (*v2.Grant, error) {
	var notes []proto.Message
	if i%10 == 3 {
		notes = append(notes, &v2.GrantImmutable{SourceId: w.word()})
	}
	if expandable {
		notes = append(notes, &v2.GrantExpandable{
			EntitlementIds:  []string{"group:" + g.Principal.Id.Resource + ":member"},
			ResourceTypeIds: []string{"user"},
		})
	}
	if i%50 == 7 {
		g.Sources = &v2.GrantSources{Sources: map[string]*v2.GrantSources_GrantSource{
			entitlementOf(w.rng.IntN(w.groups), "member").Id: {},
		}}
	}
	var err error
	g.Annotations, err = annotations(notes...)
	return g, err
}

func (w *world) word() string {
	words := [...]string{"alpha", "bravo", "delta", "echo", "kilo", "oscar", "tango", "zürich", "東京"}
	return words[w.rng.IntN(len(words))]
}

func annotations(messages ...proto.Message) (notes []*anypb.Any, err error) {
	for _, m := range messages {
		note, err := anypb.New(m)
		if err != nil {
			return nil, err
		}
		notes = append(notes, note)
	}
	return notes, nil
}
