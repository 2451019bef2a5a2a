//! A v1 row as bytes, on its way through a sort: time, then the parts that its kind has, each after its length.

use crate::engine::types::Timestamp;
use crate::ops::build::v1::{V1Columns, V1Grant, V1Row};
use crate::{Error, ErrorKind, Result};

/// Bytes of the time.
const TIME_LEN: usize = 12;
/// Numbers of the kinds.
const RESOURCE_TYPE: u8 = 0;
const RESOURCE: u8 = 1;
const ENTITLEMENT: u8 = 2;
const GRANT: u8 = 3;
const ASSET: u8 = 4;

/// Appends a row without its sync and row id.
pub(in crate::ops) fn encode(row: &V1Row<'_>, out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(&row.discovered_at.seconds.to_be_bytes());
    out.extend_from_slice(&row.discovered_at.nanos.to_be_bytes());
    let (kind, flag) = match row.columns {
        V1Columns::ResourceType => (RESOURCE_TYPE, false),
        V1Columns::Resource { parent, .. } => (RESOURCE, parent.is_some()),
        V1Columns::Entitlement { .. } => (ENTITLEMENT, false),
        V1Columns::Grant(grant) => (GRANT, grant.needs_expansion),
        V1Columns::Asset { .. } => (ASSET, false),
    };
    out.push(kind << 1 | u8::from(flag));
    for part in [row.external_id.as_bytes(), row.data] {
        put(out, part)?;
    }
    match row.columns {
        V1Columns::ResourceType => {}
        V1Columns::Resource {
            resource_type,
            parent,
        } => {
            put(out, resource_type.as_bytes())?;
            let (parent_type, parent) = parent.unwrap_or_default();
            put(out, parent_type.as_bytes())?;
            put(out, parent.as_bytes())?;
        }
        V1Columns::Entitlement {
            resource_type,
            resource,
        } => {
            put(out, resource_type.as_bytes())?;
            put(out, resource.as_bytes())?;
        }
        V1Columns::Grant(grant) => {
            let texts = [
                grant.resource_type,
                grant.resource,
                grant.entitlement,
                grant.principal_type,
                grant.principal,
            ];
            for text in texts {
                put(out, text.as_bytes())?;
            }
            // Only a grant without expansion has one part less.
            if let Some(expansion) = grant.expansion {
                put(out, expansion)?;
            }
        }
        V1Columns::Asset { content_type } => put(out, content_type.as_bytes())?,
    }
    Ok(())
}

fn put(out: &mut Vec<u8>, part: &[u8]) -> Result<()> {
    let len = u32::try_from(part.len())
        .map_err(|_| Error::new(ErrorKind::ResourceExhausted, "a value beyond 4 GiB"))?;
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(part);
    Ok(())
}

/// The time of an encoded row.
pub(in crate::ops) fn time_of(bytes: &[u8]) -> Result<Option<Timestamp>> {
    let (seconds, rest) = bytes.split_first_chunk().ok_or_else(torn)?;
    let (nanos, _) = rest.split_first_chunk().ok_or_else(torn)?;
    Ok(Some(Timestamp {
        seconds: i64::from_be_bytes(*seconds),
        nanos: u32::from_be_bytes(*nanos),
    }))
}

/// Bytes that this module did not write.
fn torn() -> Error {
    Error::new(ErrorKind::Internal, "a row came torn out of the sort")
}

/// A decoded row.
pub(in crate::ops) struct StoredRow<'a> {
    at: Timestamp,
    kind: u8,
    flag: bool,
    parts: Vec<&'a [u8]>,
}

impl<'a> StoredRow<'a> {
    pub(in crate::ops) fn decode(bytes: &'a [u8]) -> Result<Self> {
        let at = time_of(bytes)?.ok_or_else(torn)?;
        let rest = bytes.get(TIME_LEN..).ok_or_else(torn)?;
        let (kind, mut rest) = rest.split_first().ok_or_else(torn)?;
        let mut parts = Vec::with_capacity(8);
        while !rest.is_empty() {
            let (len, after) = rest.split_first_chunk().ok_or_else(torn)?;
            let len = u32::from_be_bytes(*len) as usize;
            let (part, after) = after.split_at_checked(len).ok_or_else(torn)?;
            parts.push(part);
            rest = after;
        }
        Ok(Self {
            at,
            kind: kind >> 1,
            flag: kind & 1 == 1,
            parts,
        })
    }

    /// The row, in a sync.
    pub(in crate::ops) fn row<'r>(&'r self, sync_id: &'r str) -> V1Row<'r> {
        V1Row {
            rowid: None,
            sync_id,
            external_id: self.text(0),
            discovered_at: self.at,
            data: self.part(1),
            columns: self.columns(),
        }
    }

    fn columns(&self) -> V1Columns<'_> {
        match self.kind {
            RESOURCE => V1Columns::Resource {
                resource_type: self.text(2),
                parent: self.flag.then(|| (self.text(3), self.text(4))),
            },
            ENTITLEMENT => V1Columns::Entitlement {
                resource_type: self.text(2),
                resource: self.text(3),
            },
            GRANT => V1Columns::Grant(V1Grant {
                resource_type: self.text(2),
                resource: self.text(3),
                entitlement: self.text(4),
                principal_type: self.text(5),
                principal: self.text(6),
                expansion: self.parts.get(7).copied(),
                needs_expansion: self.flag,
            }),
            ASSET => V1Columns::Asset {
                content_type: self.text(2),
            },
            _ => V1Columns::ResourceType,
        }
    }

    fn part(&self, i: usize) -> &[u8] {
        self.parts.get(i).copied().unwrap_or_default()
    }

    /// A part that was text when it was encoded.
    fn text(&self, i: usize) -> &str {
        std::str::from_utf8(self.part(i)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_every_kind_come_back() {
        let at = Timestamp {
            seconds: -5,
            nanos: 999_999_999,
        };
        let grant = V1Grant {
            resource_type: "g",
            resource: "",
            entitlement: "e",
            principal_type: "u",
            principal: "ü\0",
            expansion: None,
            needs_expansion: true,
        };
        let columns = [
            V1Columns::ResourceType,
            V1Columns::Resource {
                resource_type: "t",
                parent: None,
            },
            V1Columns::Resource {
                resource_type: "t",
                parent: Some(("", "")),
            },
            V1Columns::Entitlement {
                resource_type: "t",
                resource: "r",
            },
            V1Columns::Grant(grant),
            V1Columns::Grant(V1Grant {
                expansion: Some(b""),
                ..grant
            }),
            V1Columns::Grant(V1Grant {
                expansion: Some(b"\x01"),
                needs_expansion: false,
                ..grant
            }),
            V1Columns::Asset {
                content_type: "image/png",
            },
        ];
        for columns in columns {
            let row = V1Row {
                rowid: None,
                sync_id: "s",
                external_id: "id",
                discovered_at: at,
                data: b"\0data",
                columns,
            };
            let mut bytes = Vec::new();
            encode(&row, &mut bytes).unwrap();
            assert_eq!(time_of(&bytes).unwrap(), Some(at));
            assert_eq!(StoredRow::decode(&bytes).unwrap().row("s"), row);
        }
    }
}
