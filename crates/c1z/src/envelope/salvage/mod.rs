//! Taking out of a damaged v3 file what can be taken out: its manifest and the files of its payload,
//! whole or in part, as files of a folder.
//!
//! | what is left | what is done |
//! |---|---|
//! | footer and index | each entry by its place; parts that do not decode are zeros, so that offsets stay |
//! | frames without index | from the front, told apart by what they hold ([`parts`]) |
//! | a tar archive | member by member; behind a damaged header the next one is looked for |
//! | a compressed archive | decoded as far as it goes, then as above |
//!
//! Nothing here is verified: checksums of tables decide what is true, and who reads them.

mod frames;
mod members;
mod output;
mod parts;

use std::path::Path;
use std::sync::Arc;

use shingle::vfs::{Fs, ReadFile};

use super::head::{self, PREFIX_LEN};
use super::identify::MAGIC_V1;
use super::index::{Footer, FrameIndex, IndexEntry};
use super::limits::Limits;
use super::manifest::{self, Manifest, PayloadEncoding};
use super::open::{OpenOptions, read_footer};
use super::source::Source;
use crate::{Error, Result};

use output::Folder;
pub use output::SalvagedFile;

/// A part of the envelope.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) start: u64,
    pub(super) end: u64,
}

/// What was not saved, in words.
#[derive(Debug, Default)]
pub(super) struct Losses(Vec<String>);

impl Losses {
    fn bytes(&mut self, what: &str, range: std::ops::Range<u64>) {
        self.0
            .push(format!("{what}: bytes {} to {}", range.start, range.end));
    }
}

/// What was taken out of an envelope.
#[derive(Debug, Default)]
pub struct Salvaged {
    /// The manifest, if it decodes.
    pub manifest: Option<Manifest>,
    /// The files, in the folder that was given.
    pub files: Vec<SalvagedFile>,
    /// Whether the files have the names that they had in the payload.
    pub has_names: bool,
    /// What the envelope lacks, in words, with places.
    pub losses: Vec<String>,
}

/// Takes what is left out of the v3 file `file`, whose errors name `path`, into the folder `dir` of
/// `fs`, which exists.
///
/// # Errors
/// `InvalidArgument` for a v1 file; `Io`; `ResourceExhausted` when more comes out than the caps allow.
///
/// # Complexity
/// Decodes the payload once, a damaged frame a few times; memory is one window.
pub fn salvage(
    file: Arc<dyn ReadFile>,
    path: &Path,
    options: &OpenOptions,
    fs: &dyn Fs,
    dir: &Path,
) -> Result<Salvaged> {
    let source = Arc::new(Source::new(file, path));
    let head = source.fetch(0..source.len().min(PREFIX_LEN as u64))?;
    if head.starts_with(&MAGIC_V1) {
        return Err(Error::invalid("a v1 file has no payload of files"));
    }
    let limits = Limits::for_v3(&options.limits, &options.variables, source.len());
    let mut losses = Losses::default();
    let mut salvaged = Salvaged::default();
    let start = match read_manifest(&source, &head) {
        Ok((manifest, start)) => {
            salvaged.manifest = Some(manifest);
            start
        }
        Err(error) => {
            losses.0.push(error.to_string());
            PREFIX_LEN as u64
        }
    };
    let encoding = salvaged.manifest.as_ref().map(manifest::payload_encoding);
    let range = Range {
        start,
        end: source.len(),
    };
    let mut folder = Folder {
        fs,
        dir,
        files: Vec::new(),
    };
    let window = limits.window_max;
    salvaged.has_names = true;
    match encoding {
        Some(Ok(PayloadEncoding::Tar)) => {
            members::salvage_plain(&source, range, &mut folder, &mut losses)?;
        }
        Some(Ok(PayloadEncoding::TarZstd)) => {
            members::salvage_compressed(&source, range, window, &mut folder, &mut losses)?;
        }
        _ => match read_index(&source) {
            Ok(index) => {
                for entry in &index.entries {
                    salvage_entry(&source, entry, &limits, &mut folder, &mut losses)?;
                }
            }
            Err(error) => {
                losses.0.push(error.to_string());
                salvaged.has_names = false;
                parts::salvage(&source, range, window, &mut folder, &mut losses)?;
            }
        },
    }
    salvaged.files = folder.files;
    salvaged.losses = losses.0;
    Ok(salvaged)
}

fn read_manifest(source: &Source, head: &[u8]) -> Result<(Manifest, u64)> {
    let len = head::manifest_len(head, source.len())?;
    let start = PREFIX_LEN as u64;
    let end = start + u64::from(len);
    let bytes = source.fetch(start..end)?;
    Ok((manifest::decode(&bytes)?, end))
}

/// The index, whatever the manifest before the frames looks like.
fn read_index(source: &Source) -> Result<FrameIndex> {
    let range = PREFIX_LEN as u64..source.len();
    let footer: Footer = read_footer(source, &range)?;
    let bytes = source.fetch(footer.index())?;
    footer.check_index(&bytes)?;
    FrameIndex::decode(&bytes, footer.offset, &(range.start..footer.offset))
}

fn salvage_entry(
    source: &Arc<Source>,
    entry: &IndexEntry,
    limits: &Limits,
    folder: &mut Folder<'_>,
    losses: &mut Losses,
) -> Result<()> {
    limits.check_decoded("payload file", entry.raw_len)?;
    let mut file = folder.create(&entry.name)?;
    let mut is_whole = true;
    let (mut at, end) = (entry.frame_offset, entry.frames().end);
    let mut frames = entry.seek_table.iter().flat_map(|table| &table.frames);
    let mut raw_end = 0;
    while at < end {
        let next = frames.next();
        raw_end = next.map_or(entry.raw_len, |span| raw_end + span.raw_len);
        let walked = frames::walk(source, at..end)?;
        let left = raw_end.saturating_sub(file.len);
        let mut written = 0;
        let decoded = match &walked {
            Some(frame) => Some(frames::decode(
                source,
                frame,
                limits.window_max,
                &mut |bytes| {
                    let room = usize::try_from(left - written).unwrap_or(bytes.len());
                    let bytes = bytes.get(..room.min(bytes.len())).unwrap_or_default();
                    written += bytes.len() as u64;
                    file.write(bytes)
                },
            )?),
            None => None,
        };
        let frame_end = walked.and_then(|frame| frame.end);
        let following = next.map(|span| at + span.compressed_len).or(frame_end);
        if !decoded.is_some_and(|decoded| decoded.is_whole) {
            is_whole = false;
            let what = format!("`{}`", entry.name.escape_debug());
            losses.bytes(&what, at..following.unwrap_or(end));
        }
        if next.is_some() {
            file.pad_to(raw_end)?;
        }
        let Some(following) = following else {
            break;
        };
        at = following;
    }
    is_whole &= file.len == entry.raw_len;
    file.pad_to(entry.raw_len)?;
    folder.close(file, is_whole);
    Ok(())
}
