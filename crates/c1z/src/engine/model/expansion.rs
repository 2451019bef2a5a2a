//! The `GrantExpandable` annotation: lifted out of a grant that is written, put back into one that is read
//! (`store-contract` §5.1, §5.2).

use buffa::Message;
use c1z_proto::connector::v2::{Grant, GrantExpandable};
use c1z_proto::google::protobuf::Any;

const NAME: &str = "c1.connector.v2.GrantExpandable";

/// Takes all such annotations out of a grant. The first one counts, if it names an entitlement at all.
pub(super) fn lift(grant: &mut Grant) -> Option<GrantExpandable> {
    let mut first = None;
    grant
        .annotations
        .retain(|annotation| match decode(annotation) {
            Some(expandable) => {
                first.get_or_insert(expandable);
                false
            }
            None => true,
        });
    first.filter(|found| found.entitlement_ids.iter().any(|id| !id.trim().is_empty()))
}

/// Appends the annotation.
pub(super) fn attach(grant: &mut Grant, expansion: &GrantExpandable) {
    grant.annotations.push(Any {
        type_url: format!("type.googleapis.com/{NAME}"),
        value: expansion.encode_to_vec(),
        ..Default::default()
    });
}

/// The annotation, if this is one that can be decoded.
fn decode(annotation: &Any) -> Option<GrantExpandable> {
    let name = annotation.type_url.rsplit('/').next()?;
    if name != NAME {
        return None;
    }
    GrantExpandable::decode_from_slice(&annotation.value).ok()
}
