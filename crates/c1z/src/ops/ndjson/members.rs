//! The members of a line, each taken once.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// More members than any line has.
const MEMBERS_MAX: usize = 16;

/// A JSON object whose values are not looked at yet. Names with escapes are refused, and so are names
/// that come twice: which one counts would be anybody's guess.
#[derive(Debug, Default)]
pub(super) struct Members<'a>(Vec<(&'a str, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_map(Collect)
    }
}

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Members::default();
        while let Some((name, value)) = map.next_entry::<&'de str, &'de RawValue>()? {
            if members.0.len() == MEMBERS_MAX {
                return Err(A::Error::custom("more members than any line has"));
            }
            if members.0.iter().any(|(other, _)| *other == name) {
                return Err(A::Error::custom(format_args!("member twice: `{name}`")));
            }
            members.0.push((name, value));
        }
        Ok(members)
    }
}

impl<'a> Members<'a> {
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(line)
    }

    /// A member's JSON.
    pub(super) fn take(&mut self, name: &str) -> Option<&'a str> {
        let at = self.0.iter().position(|(other, _)| *other == name)?;
        Some(self.0.swap_remove(at).1.get())
    }

    /// A member that must be there, as text or number.
    pub(super) fn need<T: Deserialize<'a>>(&mut self, name: &str) -> Result<T, String> {
        let json = self
            .take(name)
            .ok_or_else(|| format!("no member `{name}`"))?;
        serde_json::from_str(json).map_err(|error| format!("member `{name}`: {error}"))
    }

    /// Appends the bytes of a member in base64; false: there is no such member.
    pub(super) fn base64(&mut self, name: &str, out: &mut Vec<u8>) -> Result<bool, String> {
        let Some(json) = self.take(name) else {
            return Ok(false);
        };
        let bad = |error: &dyn fmt::Display| format!("member `{name}` is not base64: {error}");
        let text: &str = serde_json::from_str(json).map_err(|error| bad(&error))?;
        STANDARD
            .decode_vec(text, out)
            .map_err(|error| bad(&error))?;
        Ok(true)
    }

    /// Refuses what nobody asked for.
    pub(super) fn end(self) -> Result<(), String> {
        match self.0.first() {
            Some((name, _)) => Err(format!("member that does not belong here: `{name}`")),
            None => Ok(()),
        }
    }
}
