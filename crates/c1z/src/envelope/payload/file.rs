//! One file of the payload, and a reader of it.

use std::io;
use std::sync::{Arc, Mutex};

use shingle::vfs::ReadFile;

use super::super::fault;
use super::super::index::IndexEntry;
use super::super::source::lock;
use super::framed::Framed;
use super::stream::Stream;
use super::{Context, in_entry, indexed};
use crate::Result;

/// How the bytes of a content come.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// As they stand, from this offset of the envelope.
    Stored(u64),
    /// From frames that are kept whole.
    Framed(Arc<Framed>),
    /// From running decoders.
    Stream(Arc<Stream>),
}

impl Content {
    /// Fills `buf` with content from `offset`; both ends must lie inside.
    pub(super) fn read_at(&self, context: &Context, offset: u64, buf: &mut [u8]) -> Result<()> {
        match self {
            Self::Stored(start) => context.source.read_exact_at(start + offset, buf),
            Self::Framed(framed) => framed.read_at(context, offset, buf),
            Self::Stream(stream) => stream.read_at(context, offset, buf),
        }
    }
}

/// Where the bytes of a file are.
#[derive(Debug)]
pub(super) enum Place {
    /// In frames of its own; how they are served is decided at the first open.
    Indexed {
        id: u32,
        entry: IndexEntry,
        content: Mutex<Option<Content>>,
    },
    /// From an offset of a content that all files share.
    Inside { content: Content, offset: u64 },
}

/// A file of the payload.
#[derive(Debug)]
pub(super) struct Entry {
    name: String,
    len: u64,
    place: Place,
    /// What is fetched together when this file has to be read and is small.
    cluster: Option<std::ops::Range<u64>>,
}

impl Entry {
    pub(super) fn inside(name: String, len: u64, content: Content, offset: u64) -> Self {
        Self {
            name,
            len,
            place: Place::Inside { content, offset },
            cluster: None,
        }
    }

    pub(super) fn indexed(
        id: u32,
        entry: IndexEntry,
        cluster: Option<std::ops::Range<u64>>,
    ) -> Self {
        let name = entry.name.clone();
        let len = entry.raw_len;
        Self {
            name,
            len,
            place: Place::Indexed {
                id,
                entry,
                content: Mutex::default(),
            },
            cluster,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn index_entry(&self) -> Option<&IndexEntry> {
        match &self.place {
            Place::Indexed { entry, .. } => Some(entry),
            Place::Inside { .. } => None,
        }
    }

    /// The content that holds the file, and where the file starts in it.
    fn content(&self, context: &Context) -> Result<(Content, u64)> {
        match &self.place {
            Place::Inside { content, offset } => Ok((content.clone(), *offset)),
            Place::Indexed { id, entry, content } => {
                let mut decided = lock(content);
                if let Some(before) = &*decided {
                    return Ok((before.clone(), 0));
                }
                let now = indexed::content(context, *id, entry, self.cluster.as_ref())?;
                *decided = Some(now.clone());
                Ok((now, 0))
            }
        }
    }
}

/// A payload file, open for reading.
#[derive(Debug)]
pub(super) struct PayloadFile {
    context: Arc<Context>,
    entry: Arc<Entry>,
    bytes: Content,
    offset: u64,
}

impl PayloadFile {
    /// Opens `entry`. An empty file is verified here: nothing will ever be read from it.
    pub(super) fn open(context: Arc<Context>, entry: Arc<Entry>) -> Result<Self> {
        let opened = entry.content(&context).and_then(|(bytes, offset)| {
            if let (0, Content::Framed(framed)) = (entry.len, &bytes) {
                framed.check_all(&context)?;
            }
            Ok((bytes, offset))
        });
        match opened {
            Ok((bytes, offset)) => Ok(Self {
                context,
                entry,
                bytes,
                offset,
            }),
            Err(error) => Err(in_entry(&context, &entry.name, error)),
        }
    }
}

impl ReadFile for PayloadFile {
    /// # Errors
    /// Damage as `InvalidData` with a [`crate::Error`] inside.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.entry.len.saturating_sub(offset);
        let n = usize::try_from(left).map_or(buf.len(), |left| left.min(buf.len()));
        let buf = buf.get_mut(..n).unwrap_or_default();
        if n > 0 {
            self.bytes
                .read_at(&self.context, self.offset + offset, buf)
                .map_err(|e| fault::into_io(in_entry(&self.context, &self.entry.name, e)))?;
        }
        Ok(n)
    }

    fn len(&self) -> u64 {
        self.entry.len
    }
}
