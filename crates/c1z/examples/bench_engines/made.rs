//! The records of a run: groups of 500 members with one entitlement each, users, one grant in a hundred expandable.

use buffa::MessageField;
use c1z::engine::types::{EntitlementRef, GrantKey, ResourceRef};
use c1z::record::message;
use c1z_proto::connector::v2;
use c1z_proto::google::protobuf::Any;

/// Grants of one entitlement.
const MEMBERS: usize = 500;

/// Makes the records.
pub(crate) struct Made {
    pub(crate) grants: usize,
}

fn bare(of: &str, id: String) -> v2::Resource {
    v2::Resource {
        id: MessageField::some(v2::ResourceId {
            resource_type: of.to_owned(),
            resource: id,
            ..Default::default()
        }),
        ..Default::default()
    }
}

impl Made {
    pub(crate) fn new(grants: usize) -> Self {
        Self { grants }
    }

    pub(crate) fn groups(&self) -> usize {
        self.grants.div_ceil(MEMBERS)
    }

    pub(crate) fn users(&self) -> usize {
        (self.grants / 10).max(MEMBERS)
    }

    /// Numbers of grants in no order, none twice below half of their number.
    pub(crate) fn spread(&self, k: usize) -> usize {
        k * 2 * 7_919 % self.grants
    }

    pub(crate) fn resource_types() -> Vec<v2::ResourceType> {
        let of = |id: &str| v2::ResourceType {
            id: id.to_owned(),
            display_name: format!("The type {id}"),
            ..Default::default()
        };
        ["org", "group", "user"].map(of).to_vec()
    }

    pub(crate) fn group(n: usize) -> ResourceRef {
        ResourceRef::new("group", format!("group-{n:08}"))
    }

    pub(crate) fn user(n: usize) -> ResourceRef {
        ResourceRef::new("user", format!("user-{n:08}"))
    }

    /// One of 20 organizations, which groups belong to.
    pub(crate) fn org(n: usize) -> ResourceRef {
        ResourceRef::new("org", format!("org-{:02}", n % 20))
    }

    pub(crate) fn resources(&self) -> Vec<v2::Resource> {
        let groups = (0..self.groups()).map(|n| v2::Resource {
            display_name: format!("Group number {n}"),
            parent_resource_id: MessageField::some(v2::ResourceId {
                resource_type: "org".to_owned(),
                resource: Self::org(n).resource,
                ..Default::default()
            }),
            ..bare("group", Self::group(n).resource)
        });
        let users = (0..self.users()).map(|n| v2::Resource {
            display_name: format!("User number {n}"),
            ..bare("user", Self::user(n).resource)
        });
        groups.chain(users).collect()
    }

    pub(crate) fn entitlement(n: usize) -> v2::Entitlement {
        let on = Self::group(n);
        v2::Entitlement {
            id: format!("{on}:member"),
            resource: MessageField::some(bare("group", on.resource)),
            display_name: format!("Member of group {n}"),
            slug: "member".to_owned(),
            ..Default::default()
        }
    }

    pub(crate) fn entitlements(&self) -> Vec<v2::Entitlement> {
        (0..self.groups()).map(Self::entitlement).collect()
    }

    pub(crate) fn grant(&self, n: usize) -> v2::Grant {
        let group = n / MEMBERS;
        // Members of a group are spread over all users, none twice.
        let user = (n % MEMBERS * (self.users() / MEMBERS) + group * 31) % self.users();
        let mut annotations = vec![Any {
            type_url: "type.googleapis.com/c1.connector.v2.GrantMetadata".to_owned(),
            value: format!("ticket T-{n:07} granted by admin-{:03}", n % 1_000).into_bytes(),
            ..Default::default()
        }];
        if n.is_multiple_of(100) {
            annotations.push(Any {
                type_url: "type.googleapis.com/c1.connector.v2.GrantExpandable".to_owned(),
                value: message::encode(&v2::GrantExpandable {
                    entitlement_ids: vec![Self::entitlement((group + 1) % self.groups()).id],
                    ..Default::default()
                }),
                ..Default::default()
            });
        }
        v2::Grant {
            entitlement: MessageField::some(Self::entitlement(group)),
            principal: MessageField::some(bare("user", Self::user(user).resource)),
            annotations,
            ..Default::default()
        }
    }
}

fn ref_of(resource: &v2::Resource) -> ResourceRef {
    let id = &resource.id;
    ResourceRef::new(id.resource_type.as_str(), id.resource.as_str())
}

/// The structure of a grant.
pub(crate) fn key_of(grant: &v2::Grant) -> GrantKey {
    GrantKey {
        entitlement: EntitlementRef {
            id: grant.entitlement.id.clone(),
            resource: Some(ref_of(&grant.entitlement.resource)),
        },
        principal: ref_of(&grant.principal),
    }
}

/// The id that a grant gets.
pub(crate) fn grant_id(grant: &v2::Grant) -> String {
    format!("{}:{}", grant.entitlement.id, ref_of(&grant.principal))
}
