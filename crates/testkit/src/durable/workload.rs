//! A sync made of a seed.

use c1z_proto::connector::v2;

use crate::chance::Chance;
use crate::generate::{GenerateOptions, generate};
use crate::golden::ops::{Op, Step};

/// What is written: all kinds of odd records, and many plain grants, some of them written again and some deleted.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// Where everything comes from.
    pub seed: u64,
    /// Plain grants.
    pub grants: usize,
    /// Records of one call.
    pub batch: usize,
}

/// Grants of one plain entitlement.
const GRANTS_OF_ONE: usize = 50;

impl Workload {
    /// Its steps, from the start of the sync to what is marked after its end.
    pub fn steps(&self) -> Vec<Step> {
        let batch = self.batch.max(1);
        let made = generate(&GenerateOptions::small(self.seed));
        let mut chance = Chance::seeded(self.seed);
        let mut ops = vec![Op::StartSync {
            sync_type: "full".to_owned(),
            parent: None,
        }];
        ops.push(Op::PutResourceTypes(made.resource_types));
        ops.extend(chunks(&made.resources, batch).map(Op::PutResources));
        ops.extend(made.assets.into_iter().map(|asset| Op::PutAsset {
            id: asset.id,
            content_type: asset.content_type,
            data: asset.data,
        }));
        ops.extend(chunks(&made.entitlements, batch).map(Op::PutEntitlements));
        ops.extend(chunks(&made.grants, batch).map(Op::PutGrants));
        ops.extend(
            chunks(&made.grants, batch)
                .next()
                .map(Op::StoreExpandedGrants),
        );
        ops.push(Op::SessionSet {
            prefix: "p".to_owned(),
            key: "k".to_owned(),
            value: b"v".to_vec(),
        });
        let plain: Vec<_> = (0..self.grants).map(plain_grant).collect();
        for (number, grants) in chunks(&plain, batch).enumerate() {
            let again = grants
                .get(..batch.min(grants.len()) / 4)
                .unwrap_or_default();
            let again = again.to_vec();
            let gone = chance.pick(&grants).map(id_of);
            ops.push(Op::PutGrants(grants));
            if number % 4 == 1 {
                ops.push(Op::PutGrants(again));
                ops.extend(gone.map(Op::DeleteGrant));
            }
        }
        ops.extend([
            Op::SupportsDiff,
            Op::EndSync,
            Op::MarkInvariants {
                generation: "1".to_owned(),
                coverage: vec!["I1".to_owned()],
            },
        ]);
        let step = |(index, op)| Step {
            line: index + 1,
            op,
            may_fail: false,
        };
        ops.into_iter().enumerate().map(step).collect()
    }
}

fn chunks<T: Clone>(records: &[T], batch: usize) -> impl Iterator<Item = Vec<T>> {
    records.chunks(batch).map(<[T]>::to_vec)
}

/// The `n`-th: entitlements one after the other, principals in no order.
fn plain_grant(n: usize) -> v2::Grant {
    let resource = |of: &str, id: String| v2::Resource {
        id: Some(v2::ResourceId {
            resource_type: of.to_owned(),
            resource: id,
            ..Default::default()
        })
        .into(),
        ..Default::default()
    };
    let group = format!("group-{:05}", n / GRANTS_OF_ONE);
    let user = n.wrapping_mul(7919) % 10_000;
    v2::Grant {
        entitlement: Some(v2::Entitlement {
            id: format!("group:{group}:member"),
            resource: Some(resource("group", group)).into(),
            ..Default::default()
        })
        .into(),
        principal: Some(resource("user", format!("user-{user:05}"))).into(),
        ..Default::default()
    }
}

/// The id that a grant without one gets.
fn id_of(grant: &v2::Grant) -> String {
    let principal = grant.principal.id.resource.as_str();
    format!("{}:user:{principal}", grant.entitlement.id)
}
