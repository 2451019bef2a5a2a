//! Where a grant comes from: the source system, or expansion (`store-contract` §4.8, §5.4).
//!
//! Expansion notes on every grant that it touches the entitlements it came from. A grant among whose
//! sources is its own entitlement was there before; one without it is a product.

use c1z_proto::connector::v2::Grant;
use c1z_proto::google::protobuf::Any;

use super::GrantView;
use super::from_message::SOURCES;
use super::sources;
use crate::Result;
use crate::record::annotation;
use crate::record::message;
use crate::record::wire::{self, Fields, Value};

/// Name of the annotation that expansion puts on its products.
const IMMUTABLE: &str = "c1.connector.v2.GrantImmutable";
/// Number of the annotations in a stored grant.
const STORED_ANNOTATIONS: u32 = 8;

/// Where a grant comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The source system; expansion has not touched it.
    Untouched,
    /// The source system; expansion noted sources on it.
    Direct,
    /// Expansion alone.
    Product {
        /// Whether it says so itself, by a `GrantImmutable` annotation, as expansion's products do.
        is_marked: bool,
    },
}

impl Origin {
    /// Of a stored grant.
    ///
    /// # Errors
    /// Data loss for bytes that are no such record.
    pub fn of_stored(record: &[u8]) -> Result<Self> {
        let view = GrantView::parse(record)?;
        if view.source_count() == 0 {
            return Ok(Origin::Untouched);
        }
        let own = view.entitlement.unwrap_or_default().id;
        for source in view.sources() {
            if source?.0 == own {
                return Ok(Origin::Direct);
            }
        }
        let is_marked = stored_annotations_name(record, IMMUTABLE)?;
        Ok(Origin::Product { is_marked })
    }

    /// Of an encoded `c1.connector.v2.Grant`. Only grants with sources are decoded. `own` is the id of its entitlement,
    /// for slim rows of v1 files, which leave that to a column.
    ///
    /// # Errors
    /// Data loss for bytes that are no such message.
    pub fn of_message(bytes: &[u8], own: &str) -> Result<Self> {
        if !has_field(bytes, SOURCES)? {
            return Ok(Origin::Untouched);
        }
        let grant: Grant = message::decode("grant", bytes)?;
        let sources = &grant.sources.sources;
        if sources.is_empty() {
            return Ok(Origin::Untouched);
        }
        // Slim rows leave the entitlement out, or its id.
        let told = grant.entitlement.id.as_str();
        let own = if told.is_empty() { own } else { told };
        if sources.contains_key(own) {
            return Ok(Origin::Direct);
        }
        let is_immutable = |any: &Any| annotation::type_name(&any.type_url) == IMMUTABLE;
        let is_marked = grant.annotations.iter().any(is_immutable);
        Ok(Origin::Product { is_marked })
    }
}

/// Appends a stored grant without its sources; everything else keeps its bytes.
pub fn put_stored_without_sources(record: &[u8], out: &mut Vec<u8>) -> Result<()> {
    put_without(record, sources::FIELD, out)
}

/// Appends an encoded `c1.connector.v2.Grant` without its sources; everything else keeps its bytes.
pub fn put_message_without_sources(bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
    put_without(bytes, SOURCES, out)
}

fn put_without(message: &[u8], number: u32, out: &mut Vec<u8>) -> Result<()> {
    let mut fields = Fields::new(message);
    let mut start = 0;
    while let Some(field) = fields.next_field()? {
        let end = fields.position();
        if field.number != number {
            out.extend_from_slice(message.get(start..end).unwrap_or_default());
        }
        start = end;
    }
    Ok(())
}

fn has_field(message: &[u8], number: u32) -> Result<bool> {
    let mut fields = Fields::new(message);
    while let Some(field) = fields.next_field()? {
        if field.number == number {
            return Ok(true);
        }
    }
    Ok(false)
}

fn stored_annotations_name(record: &[u8], name: &str) -> Result<bool> {
    let mut fields = Fields::new(record);
    while let Some(field) = fields.next_field()? {
        let (STORED_ANNOTATIONS, Value::Bytes(any)) = (field.number, field.value) else {
            continue;
        };
        let mut parts = Fields::new(any);
        let mut url = "";
        while let Some(part) = parts.next_field()? {
            if let (1, Value::Bytes(bytes)) = (part.number, part.value) {
                url = wire::text(bytes)?;
            }
        }
        if annotation::type_name(url) == name {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use c1z_proto::connector::v2::grant_sources::GrantSource;
    use c1z_proto::connector::v2::{Entitlement, GrantSources};

    use super::*;
    use crate::record::grant::{GrantPut, to_record};

    fn grant(sources: &[&str], is_marked: bool) -> Grant {
        let sources: HashMap<String, GrantSource> = sources
            .iter()
            .map(|id| ((*id).to_owned(), GrantSource::default()))
            .collect();
        let mark = Any {
            type_url: format!("type.googleapis.com/{IMMUTABLE}"),
            ..Default::default()
        };
        Grant {
            id: "g".to_owned(),
            entitlement: Entitlement {
                id: "own".to_owned(),
                ..Default::default()
            }
            .into(),
            sources: GrantSources {
                sources: sources.into_iter().collect(),
                ..Default::default()
            }
            .into(),
            annotations: is_marked.then_some(mark).into_iter().collect(),
            ..Default::default()
        }
    }

    #[test]
    fn both_forms_tell_the_same_origin() {
        let cases = [
            (grant(&[], false), Origin::Untouched),
            (grant(&[], true), Origin::Untouched),
            (grant(&["own"], false), Origin::Direct),
            (grant(&["other", "own"], true), Origin::Direct),
            (
                grant(&["other"], false),
                Origin::Product { is_marked: false },
            ),
            (
                grant(&["a", "b"], true),
                Origin::Product { is_marked: true },
            ),
        ];
        for (grant, expected) in cases {
            let stored = message::encode(&to_record(&grant, &GrantPut::default()).unwrap());
            assert_eq!(Origin::of_stored(&stored).unwrap(), expected);
            let told = message::encode(&grant);
            assert_eq!(Origin::of_message(&told, "own").unwrap(), expected);
            // A slim row says the same.
            let slim = Grant {
                entitlement: Entitlement::default().into(),
                ..grant
            };
            let slim = message::encode(&slim);
            assert_eq!(Origin::of_message(&slim, "own").unwrap(), expected);
        }
    }

    #[test]
    fn only_the_sources_go() {
        let with = grant(&["other", "own"], true);
        let without = grant(&[], true);
        let mut stored = Vec::new();
        let record = to_record(&with, &GrantPut::default()).unwrap();
        put_stored_without_sources(&message::encode(&record), &mut stored).unwrap();
        let expected = to_record(&without, &GrantPut::default()).unwrap();
        assert_eq!(stored, message::encode(&expected));
        let mut told = Vec::new();
        put_message_without_sources(&message::encode(&with), &mut told).unwrap();
        let told: Grant = message::decode("grant", &told).unwrap();
        assert!(told.sources.sources.is_empty());
        assert_eq!(told.annotations, with.annotations);
        assert_eq!(told.id, with.id);
    }
}
