//! Message bytes to stored bytes, without a message in between.
//!
//! The output is what [`super::encode_into`] gives for the decoded message with
//! [`super::PutExpansion::Keep`], byte for byte. Bytes that an ordinary encoder writes are understood:
//! fields in order, each once, nothing unknown at the top, annotations in canonical form. Everything
//! else is left to the decoder, and so is a grant with a `GrantExpandable` annotation. Details of the
//! embedded entitlement and principal, which a stored grant does not hold, are seen and passed over,
//! not decoded.

use super::encode::put_texts;
use super::sources::put_stored_entry;
use super::transcode::canonical_expansion;
use super::{EntitlementRefView, PrincipalRefView, StoredExpansion};
use crate::Result;
use crate::engine::types::Timestamp;
use crate::record::annotation;
use crate::record::timestamp;
use crate::record::wire::{self, Fields, Value};

/// Name of the annotation that is stored elsewhere.
const EXPANDABLE: &str = "c1.connector.v2.GrantExpandable";
/// Number of the source map in a message.
pub(super) const SOURCES: u32 = 5;

/// What a message says that a stored grant holds. Parts of a message that are absent may be filled in
/// before it is written.
#[derive(Clone, Debug, Default)]
pub struct MessageView<'a> {
    told: &'a [u8],
    /// The grant's id.
    pub id: &'a str,
    /// What is granted.
    pub entitlement: Option<EntitlementRefView<'a>>,
    /// Who holds it.
    pub principal: Option<PrincipalRefView<'a>>,
    /// Whether entitlement or principal say more than these references.
    pub has_details: bool,
}

impl<'a> MessageView<'a> {
    /// Looks at an encoded `c1.connector.v2.Grant`; none if its bytes are out of the ordinary.
    ///
    /// # Errors
    /// Bytes that are no message, or text that is none.
    pub fn parse(told: &'a [u8]) -> Result<Option<Self>> {
        let mut view = Self {
            told,
            ..Self::default()
        };
        let mut last = 0;
        let mut fields = Fields::new(told);
        while let Some(field) = fields.next_field()? {
            let Value::Bytes(part) = field.value else {
                return Ok(None);
            };
            // Annotations alone may come more than once.
            let is_repeated = field.number == last && field.number == 4;
            if field.number < last || (field.number == last && !is_repeated) {
                return Ok(None);
            }
            last = field.number;
            let is_ordinary = match field.number {
                1 => view.take_entitlement(part)?,
                2 => view.take_principal(part)?,
                3 => {
                    view.id = wire::text(part)?;
                    true
                }
                4 => is_plain_annotation(part)?,
                SOURCES => is_plain_map(part)?,
                _ => false,
            };
            if !is_ordinary {
                return Ok(None);
            }
        }
        Ok(Some(view))
    }

    fn take_entitlement(&mut self, part: &'a [u8]) -> Result<bool> {
        let mut found = EntitlementRefView::default();
        let mut seen = Seen::default();
        let mut fields = Fields::new(part);
        while let Some(field) = fields.next_field()? {
            match (field.number, field.value) {
                (1, Value::Bytes(resource)) if seen.first(1) => {
                    let Some((id, _)) = self.reference(resource, false)? else {
                        return Ok(false);
                    };
                    (found.resource_type, found.resource) = id;
                }
                (2, Value::Bytes(id)) if seen.first(2) => found.id = wire::text(id)?,
                (1 | 2, _) => return Ok(false),
                _ => self.has_details = true,
            }
        }
        self.entitlement = Some(found);
        Ok(true)
    }

    fn take_principal(&mut self, part: &'a [u8]) -> Result<bool> {
        let Some((id, parent)) = self.reference(part, true)? else {
            return Ok(false);
        };
        self.principal = Some(PrincipalRefView {
            resource_type: id.0,
            resource: id.1,
            parent_type: parent.0,
            parent: parent.1,
        });
        Ok(true)
    }

    /// The ids of a resource and of its parent, which only some references hold.
    fn reference(
        &mut self,
        resource: &'a [u8],
        with_parent: bool,
    ) -> Result<Option<(Id<'a>, Id<'a>)>> {
        let (mut id, mut parent) = (Id::default(), Id::default());
        let mut seen = Seen::default();
        let mut fields = Fields::new(resource);
        while let Some(field) = fields.next_field()? {
            let into = match (field.number, field.value) {
                (1, Value::Bytes(part)) if seen.first(1) => Some((&mut id, part)),
                (2, Value::Bytes(part)) if with_parent && seen.first(2) => {
                    Some((&mut parent, part))
                }
                (1, _) => return Ok(None),
                (2, _) if with_parent => return Ok(None),
                _ => None,
            };
            let Some((into, part)) = into else {
                self.has_details = true;
                continue;
            };
            match plain_id(part)? {
                Some((found, has_details)) => {
                    *into = found;
                    self.has_details |= has_details;
                }
                None => return Ok(None),
            }
        }
        Ok(Some((id, parent)))
    }

    /// Appends the stored grant.
    ///
    /// # Errors
    /// Data loss when the expansion is not a message.
    pub fn encode_into(
        &self,
        discovered_at: Option<Timestamp>,
        state: StoredExpansion<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        out.reserve(self.told.len().min(1_024));
        wire::put_nonempty(out, 2, self.id.as_bytes());
        if let Some(of) = &self.entitlement {
            put_texts(out, 3, [of.resource_type, of.resource, of.id]);
        }
        if let Some(of) = &self.principal {
            let parts = [of.resource_type, of.resource, of.parent_type, of.parent];
            put_texts(out, 4, parts);
        }
        if let Some(moment) = discovered_at {
            timestamp::put(moment, out, 5);
        }
        if let Some(expansion) = state.expansion {
            wire::put_bytes(out, 6, &canonical_expansion(expansion)?);
        }
        if state.needs_expansion {
            out.extend_from_slice(&[7 << 3, 1]);
        }
        let mut fields = Fields::new(self.told);
        while let Some(field) = fields.next_field()? {
            match (field.number, field.value) {
                (4, Value::Bytes(annotation)) => wire::put_bytes(out, 8, annotation),
                (SOURCES, Value::Bytes(map)) => put_sources(map, out)?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// Type and id of a resource.
type Id<'a> = (&'a str, &'a str);

/// Which fields were met.
#[derive(Default)]
struct Seen(u32);

impl Seen {
    /// Whether it is the first time.
    fn first(&mut self, number: u32) -> bool {
        let bit = 1 << number;
        let is_first = self.0 & bit == 0;
        self.0 |= bit;
        is_first
    }
}

/// The parts of a resource id, and whether it says more; none if a part comes twice.
fn plain_id(part: &[u8]) -> Result<Option<(Id<'_>, bool)>> {
    let (mut id, mut has_details) = (Id::default(), false);
    let mut seen = Seen::default();
    let mut fields = Fields::new(part);
    while let Some(field) = fields.next_field()? {
        match (field.number, field.value) {
            (1, Value::Bytes(text)) if seen.first(1) => id.0 = wire::text(text)?,
            (2, Value::Bytes(text)) if seen.first(2) => id.1 = wire::text(text)?,
            (1 | 2, _) => return Ok(None),
            _ => has_details = true,
        }
    }
    Ok(Some((id, has_details)))
}

/// Whether an annotation is copied as it is.
fn is_plain_annotation(part: &[u8]) -> Result<bool> {
    if !annotation::is_canonical(part)? {
        return Ok(false);
    }
    let mut fields = Fields::new(part);
    Ok(match fields.next_field()? {
        Some(field) => match (field.number, field.value) {
            (1, Value::Bytes(url)) => annotation::type_name(wire::text(url)?) != EXPANDABLE,
            _ => true,
        },
        None => true,
    })
}

/// Whether a map of sources is one that is written entry by entry: keys ascend, nothing is unknown.
fn is_plain_map(map: &[u8]) -> Result<bool> {
    let mut last: Option<&str> = None;
    let mut fields = Fields::new(map);
    while let Some(field) = fields.next_field()? {
        let (1, Value::Bytes(entry)) = (field.number, field.value) else {
            return Ok(false);
        };
        let Some((key, _)) = plain_entry(entry)? else {
            return Ok(false);
        };
        if last.is_some_and(|last| last >= key) {
            return Ok(false);
        }
        last = Some(key);
    }
    // An empty message is stored as no entry, which is what a decoder makes of it, too.
    Ok(true)
}

/// Key and flag of an entry; none if it is out of the ordinary.
fn plain_entry(entry: &[u8]) -> Result<Option<(&str, bool)>> {
    let (mut key, mut is_direct) = ("", false);
    let mut seen = Seen::default();
    let mut fields = Fields::new(entry);
    while let Some(field) = fields.next_field()? {
        match (field.number, field.value) {
            (1, Value::Bytes(text)) if seen.first(1) => key = wire::text(text)?,
            (2, Value::Bytes(source)) if seen.first(2) => {
                let mut fields = Fields::new(source);
                while let Some(field) = fields.next_field()? {
                    match (field.number, field.value) {
                        (1, Value::Varint(flag)) => is_direct = flag != 0,
                        _ => return Ok(None),
                    }
                }
            }
            _ => return Ok(None),
        }
    }
    Ok(Some((key, is_direct)))
}

fn put_sources(map: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let mut fields = Fields::new(map);
    while let Some(field) = fields.next_field()? {
        if let Value::Bytes(entry) = field.value
            && let Some((key, is_direct)) = plain_entry(entry)?
        {
            put_stored_entry(out, key, is_direct);
        }
    }
    Ok(())
}
