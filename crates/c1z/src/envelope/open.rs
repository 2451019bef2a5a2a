//! Opens a file of either format for reading (`c1z-envelope` §1 to §3).
//!
//! Opening a v3 file reads the head and, in the default encoding, the tail: manifest, footer and
//! index are verified against each other in the order of the specification, and nothing of the
//! payload is decoded. What the *sync* in it means is not looked at here.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use shingle::vfs::{Fs, ReadFile};
use xxhash_rust::xxh64::xxh64;

use super::counters::ReadCounters;
use super::fault;
use super::head::{self, PREFIX_LEN};
use super::identify::{Format, identify};
use super::index::{FOOTER_LEN, Footer, FrameIndex, IndexEntry};
use super::limits::{LimitOptions, Limits, Variables};
use super::manifest::{self, EngineName, Manifest, PayloadEncoding};
use super::payload::{PayloadFs, PayloadOptions};
use super::source::Source;
use super::v1::V1File;
use super::write::Splice;
use crate::{Error, ErrorKind, Result};

/// How a file is opened.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Caps that the caller sets.
    pub limits: LimitOptions,
    /// The environment variables that bound decoding; none unless filled in.
    pub variables: Variables,
    /// Memory for the payload of a v3 file.
    pub payload: PayloadOptions,
}

/// A file, open for reading.
#[derive(Debug)]
pub enum EnvelopeFile {
    /// A zstd stream that holds a SQLite database.
    V1(V1File),
    /// A manifest and a Pebble directory.
    V3(Box<V3File>),
}

impl EnvelopeFile {
    /// Opens `path` in `fs`.
    ///
    /// # Errors
    /// `NotFound` for a missing or empty file; those of [`identify`]; `DataLoss` and
    /// `ResourceExhausted` for a v3 file whose head, footer or index is not acceptable;
    /// `InvalidArgument` for a v1 file when a variable is `0`.
    pub fn open(fs: &dyn Fs, path: &Path, options: &OpenOptions) -> Result<Self> {
        let file = fs
            .open(path)
            .map_err(|e| missing(Error::io("open", path, e)))?;
        Self::from_file(file, path, options)
    }

    /// Reads `file`, which need not be one of a file system; `path` is for errors.
    ///
    /// # Errors
    /// As [`EnvelopeFile::open`].
    pub fn from_file(file: Arc<dyn ReadFile>, path: &Path, options: &OpenOptions) -> Result<Self> {
        let source = Arc::new(Source::new(file, path));
        let opened = match Self::format(&source) {
            Ok(Format::V1) => V1File::new(Arc::clone(&source), options).map(Self::V1),
            Ok(Format::V3) => {
                V3File::new(Arc::clone(&source), options).map(|file| Self::V3(Box::new(file)))
            }
            Err(error) => Err(error),
        };
        opened.map_err(|error| source.locate(error))
    }

    fn format(source: &Source) -> Result<Format> {
        let head = source.keep_head()?;
        identify(&head)?.ok_or_else(|| missing(Error::not_found("file is empty")))
    }

    /// Which of the two it is.
    pub fn file_format(&self) -> Format {
        match self {
            Self::V1(_) => Format::V1,
            Self::V3(_) => Format::V3,
        }
    }
}

fn missing(error: Error) -> Error {
    if error.kind() == ErrorKind::NotFound {
        return error.with_hint("check the path; reading never creates a file");
    }
    error
}

/// A v3 file whose head (and index, if it has one) was verified.
#[derive(Debug)]
pub struct V3File {
    source: Arc<Source>,
    limits: Limits,
    options: PayloadOptions,
    manifest: Manifest,
    manifest_bytes: Vec<u8>,
    engine: EngineName,
    encoding: PayloadEncoding,
    payload: Range<u64>,
    pub(super) index: Option<(Footer, FrameIndex)>,
    fs: OnceLock<Arc<PayloadFs>>,
}

impl V3File {
    fn new(source: Arc<Source>, options: &OpenOptions) -> Result<Self> {
        let prefix = source.fetch(0..source.len().min(PREFIX_LEN as u64))?;
        let len = head::manifest_len(&prefix, source.len())?;
        let start = PREFIX_LEN as u64;
        let payload = start + u64::from(len)..source.len();
        let bytes = source.fetch(start..payload.start)?.to_vec();
        let limits = Limits::for_v3(&options.limits, &options.variables, source.len());
        // Which payload it is must be known before the index can say whether the manifest is whole.
        let manifest = manifest::decode(&bytes);
        let encoding = manifest.as_ref().map(manifest::payload_encoding);
        let index = match encoding {
            Ok(Ok(PayloadEncoding::IndexedZstd)) => {
                Some(read_index(&source, &limits, &payload, &bytes)?)
            }
            _ => None,
        };
        let manifest = manifest?;
        let encoding = manifest::payload_encoding(&manifest)?;
        Ok(Self {
            engine: EngineName::parse(&manifest.engine)?,
            source,
            limits,
            options: options.payload.clone(),
            manifest,
            manifest_bytes: bytes,
            encoding,
            payload,
            index,
            fs: OnceLock::new(),
        })
    }

    /// The manifest, with the fields this version does not know.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The bytes of the manifest as they stand in the file.
    pub fn manifest_bytes(&self) -> &[u8] {
        &self.manifest_bytes
    }

    /// The engine that the manifest names.
    pub fn engine(&self) -> EngineName {
        self.engine
    }

    /// How the payload is laid out.
    pub fn encoding(&self) -> PayloadEncoding {
        self.encoding
    }

    /// Length of the file in bytes.
    pub fn file_len(&self) -> u64 {
        self.source.len()
    }

    /// What reading cost so far, the payload included.
    pub fn counters(&self) -> ReadCounters {
        self.source.counters().snapshot()
    }

    /// The files of the payload, made at the first call.
    ///
    /// # Errors
    /// `ResourceExhausted` when the cache does not fit the budget; those of [`PayloadFs`] in the two
    /// tar encodings.
    ///
    /// # Complexity
    /// O(files) without reading in the default encoding; one short read per file for a plain tar; a
    /// full decode for a compressed one.
    pub fn payload(&self) -> Result<Arc<PayloadFs>> {
        if let Some(fs) = self.fs.get() {
            return Ok(Arc::clone(fs));
        }
        let made = self
            .make_payload()
            .map_err(|error| self.source.locate(error))?;
        // When two threads made one, the first counts.
        Ok(Arc::clone(self.fs.get_or_init(|| Arc::new(made))))
    }

    fn make_payload(&self) -> Result<PayloadFs> {
        let (source, limits) = (Arc::clone(&self.source), self.limits);
        let range = self.payload.clone();
        match (self.encoding, &self.index) {
            (PayloadEncoding::IndexedZstd, Some((footer, index))) => {
                let at = footer.offset;
                PayloadFs::indexed(source, limits, &self.options, index.clone(), at)
            }
            (PayloadEncoding::Tar, _) => PayloadFs::tar(source, limits, &self.options, range),
            (PayloadEncoding::TarZstd, _) => {
                PayloadFs::tar_zstd(source, limits, &self.options, range)
            }
            (PayloadEncoding::IndexedZstd, None) => Err(Error::new(
                ErrorKind::Internal,
                "an indexed file was opened without index",
            )),
        }
    }

    /// The frames of all files by name, for a writer that copies those that do not change; empty but
    /// in the default encoding.
    pub fn splices(&self) -> BTreeMap<String, Splice> {
        let entries = self.index.iter().flat_map(|(_, index)| &index.entries);
        let splice = |entry: &IndexEntry| Splice {
            source: Arc::clone(&self.source),
            limits: self.limits,
            entry: entry.clone(),
        };
        entries
            .map(|entry| (entry.name.clone(), splice(entry)))
            .collect()
    }
}

/// Footer and index with all checks that need no decoding, in the order of the specification.
fn read_index(
    source: &Source,
    limits: &Limits,
    payload: &Range<u64>,
    manifest: &[u8],
) -> Result<(Footer, FrameIndex)> {
    let footer = read_footer(source, payload)?;
    let bytes = source.fetch(footer.index())?;
    footer.check_index(&bytes)?;
    let frames = payload.start..footer.offset;
    let index = FrameIndex::decode(&bytes, footer.offset, &frames)?;
    let found = xxh64(manifest, 0);
    if index.manifest_xxh64 != 0 && index.manifest_xxh64 != found {
        let expected = format!("XXH64 {:016x}, as the index records", index.manifest_xxh64);
        let found = format!("{found:016x}");
        return Err(fault::corrupt(
            "manifest",
            PREFIX_LEN as u64,
            expected,
            found,
        ));
    }
    if limits.fail_fast {
        limits.check_decoded("payload", index.raw_len_total())?;
    }
    Ok((footer, index))
}

pub(super) fn read_footer(source: &Source, payload: &Range<u64>) -> Result<Footer> {
    let footer_len = FOOTER_LEN as u64;
    let at = payload
        .end
        .checked_sub(footer_len)
        .filter(|at| *at >= payload.start);
    let Some(at) = at else {
        let found = format!("{} bytes", payload.end - payload.start);
        let expected = format!("{footer_len} bytes");
        return Err(fault::truncated(
            "index footer",
            payload.start,
            expected,
            found,
        ));
    };
    source.keep_tail()?;
    let bytes = source.fetch(at..payload.end)?;
    let Some(bytes) = bytes.first_chunk::<FOOTER_LEN>() else {
        return Err(Error::new(ErrorKind::Internal, "a fetched footer is short"));
    };
    Footer::decode(*bytes, source.len(), payload.start)
}
