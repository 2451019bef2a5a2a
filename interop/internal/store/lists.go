package store

import (
	"context"

	c1zv1 "github.com/conductorone/baton-sdk/pb/c1/c1z/v1"
	v2 "github.com/conductorone/baton-sdk/pb/c1/connector/v2"
	readerv2 "github.com/conductorone/baton-sdk/pb/c1/reader/v2"
	"github.com/conductorone/baton-sdk/pkg/dotc1z/c1zstore"
	"google.golang.org/protobuf/types/known/anypb"
)

// view reads one sync of a store; the empty id leaves the choice to the store.
type view struct {
	ctx   context.Context
	store c1zstore.Store
	id    string
	notes []*anypb.Any // names the sync in every request
}

func newView(ctx context.Context, s c1zstore.Store, id string) (view, error) {
	v := view{ctx: ctx, store: s, id: id}
	if id == "" {
		return v, nil
	}
	note, err := anypb.New(&c1zv1.SyncDetails{Id: id})
	v.notes = []*anypb.Any{note}
	return v, err
}

// fetch asks for one page of at most size rows; 0 leaves the size to the store.
type fetch[T any] func(size uint32, token string) (rows []T, next string, err error)

// walk visits every row of a list and returns how many rows each page had.
func walk[T any](get fetch[T], size uint32, visit func(T)) (pages []int, err error) {
	for token := ""; ; {
		rows, next, err := get(size, token)
		if err != nil {
			return pages, err
		}
		pages = append(pages, len(rows))
		for _, row := range rows {
			visit(row)
		}
		if token = next; token == "" {
			return pages, nil
		}
	}
}

func (v view) resourceTypes(size uint32, token string) ([]*v2.ResourceType, string, error) {
	page, err := v.store.ListResourceTypes(v.ctx, &v2.ResourceTypesServiceListResourceTypesRequest{
		PageSize: size, PageToken: token, Annotations: v.notes,
	})
	return page.GetList(), page.GetNextPageToken(), err
}

// resources lists those of a type, of a parent, or all.
func (v view) resources(typeID string, parent *v2.ResourceId) fetch[*v2.Resource] {
	return func(size uint32, token string) ([]*v2.Resource, string, error) {
		page, err := v.store.ListResources(v.ctx, &v2.ResourcesServiceListResourcesRequest{
			ResourceTypeId: typeID, ParentResourceId: parent,
			PageSize: size, PageToken: token, Annotations: v.notes,
		})
		return page.GetList(), page.GetNextPageToken(), err
	}
}

// entitlements lists those on a resource, or all when it is nil.
func (v view) entitlements(on *v2.ResourceId) fetch[*v2.Entitlement] {
	return func(size uint32, token string) ([]*v2.Entitlement, string, error) {
		page, err := v.store.ListEntitlements(v.ctx, &v2.EntitlementsServiceListEntitlementsRequest{
			Resource: stub(on), PageSize: size, PageToken: token, Annotations: v.notes,
		})
		return page.GetList(), page.GetNextPageToken(), err
	}
}

// grants lists those on a resource, or all when it is nil.
func (v view) grants(on *v2.ResourceId) fetch[*v2.Grant] {
	return func(size uint32, token string) ([]*v2.Grant, string, error) {
		page, err := v.store.ListGrants(v.ctx, &v2.GrantsServiceListGrantsRequest{
			Resource: stub(on), PageSize: size, PageToken: token, Annotations: v.notes,
		})
		return page.GetList(), page.GetNextPageToken(), err
	}
}

// ofEntitlement lists an entitlement's grants, narrowed to a principal or to types of
// principals when given.
func (v view) ofEntitlement(e *v2.Entitlement, who *v2.ResourceId, types []string) fetch[*v2.Grant] {
	return func(size uint32, token string) ([]*v2.Grant, string, error) {
		page, err := v.store.ListGrantsForEntitlement(v.ctx,
			&readerv2.GrantsReaderServiceListGrantsForEntitlementRequest{
				Entitlement: e, PrincipalId: who, PrincipalResourceTypeIds: types,
				PageSize: size, PageToken: token, Annotations: v.notes,
			})
		return page.GetList(), page.GetNextPageToken(), err
	}
}

// ofEntitlements lists the grants of several entitlements.
func (v view) ofEntitlements(all []*v2.Entitlement) fetch[*v2.Grant] {
	return func(size uint32, token string) ([]*v2.Grant, string, error) {
		page, err := v.store.ListGrantsForEntitlements(v.ctx,
			&readerv2.GrantsReaderServiceListGrantsForEntitlementsRequest{
				Entitlements: all, PageSize: size, PageToken: token, Annotations: v.notes,
			})
		return page.GetList(), page.GetNextPageToken(), err
	}
}

// ofPrincipal lists a principal's grants, narrowed to an entitlement when given.
func (v view) ofPrincipal(who *v2.ResourceId, e *v2.Entitlement) fetch[*v2.Grant] {
	return func(size uint32, token string) ([]*v2.Grant, string, error) {
		page, err := v.store.ListGrantsForPrincipal(v.ctx,
			&readerv2.GrantsReaderServiceListGrantsForPrincipalRequest{
				PrincipalId: who, Entitlement: e,
				PageSize: size, PageToken: token, Annotations: v.notes,
			})
		return page.GetList(), page.GetNextPageToken(), err
	}
}

// ofResourceType lists grants by type of resource.
func (v view) ofResourceType(typeID string) fetch[*v2.Grant] {
	return func(size uint32, token string) ([]*v2.Grant, string, error) {
		page, err := v.store.ListGrantsForResourceType(v.ctx,
			&readerv2.GrantsReaderServiceListGrantsForResourceTypeRequest{
				ResourceTypeId: typeID, PageSize: size, PageToken: token, Annotations: v.notes,
			})
		return page.GetList(), page.GetNextPageToken(), err
	}
}

func (v view) resource(id *v2.ResourceId) (*v2.Resource, error) {
	got, err := v.store.GetResource(v.ctx, &readerv2.ResourcesReaderServiceGetResourceRequest{
		ResourceId: id, Annotations: v.notes,
	})
	return got.GetResource(), err
}

func (v view) resourceType(id string) (*v2.ResourceType, error) {
	got, err := v.store.GetResourceType(v.ctx,
		&readerv2.ResourceTypesReaderServiceGetResourceTypeRequest{
			ResourceTypeId: id, Annotations: v.notes,
		})
	return got.GetResourceType(), err
}

func (v view) entitlement(id string) (*v2.Entitlement, error) {
	got, err := v.store.GetEntitlement(v.ctx,
		&readerv2.EntitlementsReaderServiceGetEntitlementRequest{
			EntitlementId: id, Annotations: v.notes,
		})
	return got.GetEntitlement(), err
}

func (v view) grant(id string) (*v2.Grant, error) {
	got, err := v.store.GetGrant(v.ctx, &readerv2.GrantsReaderServiceGetGrantRequest{
		GrantId: id, Annotations: v.notes,
	})
	return got.GetGrant(), err
}

// stub is a resource that has nothing but an id; nil stays nil.
func stub(id *v2.ResourceId) *v2.Resource {
	if id == nil {
		return nil
	}
	return &v2.Resource{Id: id}
}
