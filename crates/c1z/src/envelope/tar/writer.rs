//! Writes archives: the same files give the same bytes, whatever their owner, time and mode.

use std::io::{self, Write};

use super::header::{NAME_LEN, SIZE_MAX, encode, split_name};
use super::pax::Records;
use super::{BLOCK_LEN, END_LEN, padding_len};

const ZEROS: [u8; END_LEN] = [0; END_LEN];

/// A file to be archived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TarMember<'a> {
    /// Clean relative path, `/` between folders.
    pub(crate) name: &'a str,
    /// Its length in bytes.
    pub(crate) len: u64,
}

/// Writes the headers of `member`: the PAX form only when name or length need it.
pub(crate) fn write_header(out: &mut dyn Write, member: TarMember<'_>) -> io::Result<()> {
    if let Some(records) = records(member) {
        let body = records.encode();
        out.write_all(&encode(b"", b"PaxHeaders.0", body.len() as u64, b'x'))?;
        out.write_all(&body)?;
        write_padding(out, body.len() as u64)?;
    }
    // A reader that knows no PAX gets as much of the name as fits.
    let (prefix, name) = split_name(member.name).unwrap_or(("", member.name));
    let ascii = |b: u8| if b.is_ascii() { b } else { b'_' };
    let name: Vec<u8> = name.bytes().map(ascii).take(NAME_LEN).collect();
    let len = if member.len > SIZE_MAX { 0 } else { member.len };
    out.write_all(&encode(prefix.as_bytes(), &name, len, b'0'))
}

/// Writes the zeros behind `len` bytes of data.
pub(crate) fn write_padding(out: &mut dyn Write, len: u64) -> io::Result<()> {
    let padding = usize::try_from(padding_len(len)).unwrap_or_default();
    out.write_all(ZEROS.get(..padding).unwrap_or_default())
}

/// Writes the end marker.
pub(crate) fn write_end(out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&ZEROS)
}

/// Length of the whole archive of `members`, end marker included.
pub(crate) fn archive_len<'a>(members: impl Iterator<Item = TarMember<'a>>) -> u64 {
    let padded = |len: u64| len.saturating_add(padding_len(len));
    members.fold(END_LEN as u64, |sum, member| {
        let header = BLOCK_LEN as u64;
        let records = records(member).map_or(0, |r| header + padded(r.encode().len() as u64));
        sum.saturating_add(records)
            .saturating_add(header)
            .saturating_add(padded(member.len))
    })
}

fn records(member: TarMember<'_>) -> Option<Records> {
    let records = Records {
        path: split_name(member.name)
            .is_none()
            .then(|| member.name.as_bytes().to_vec()),
        size: (member.len > SIZE_MAX).then_some(member.len),
    };
    (records != Records::default()).then_some(records)
}
