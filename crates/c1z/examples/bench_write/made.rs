//! The grants that are written: of some 300 bytes, all of one length, made on the way.

use c1z_proto::connector::v2;
use c1z_proto::google::protobuf::Any;

/// Grants of one entitlement.
const GRANTS_OF_ONE: u64 = 500;
/// Principals that they go to.
const PRINCIPALS: u64 = 50_000;

/// The `n`-th grant: entitlements one after the other, principals in no order.
pub(crate) fn grant(n: u64) -> v2::Grant {
    let group = format!("group-{:08}", n / GRANTS_OF_ONE);
    let user = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % PRINCIPALS;
    v2::Grant {
        entitlement: Some(v2::Entitlement {
            id: format!("group:{group}:member"),
            resource: Some(resource("group", group)).into(),
            ..Default::default()
        })
        .into(),
        principal: Some(resource("user", format!("user-{user:08}"))).into(),
        annotations: vec![Any {
            type_url: "type.googleapis.com/c1.connector.v2.GrantMetadata".to_owned(),
            value: format!(
                "ticket T-{:07} granted_by admin-{:03} until further notice, as it was the year before",
                user * 199 % 10_000_000,
                n % 1_000
            )
            .into_bytes(),
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn resource(of: &str, id: String) -> v2::Resource {
    v2::Resource {
        id: Some(v2::ResourceId {
            resource_type: of.to_owned(),
            resource: id,
            ..Default::default()
        })
        .into(),
        ..Default::default()
    }
}
