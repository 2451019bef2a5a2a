//! A file system in memory that knows what was synced.
//!
//! It keeps two states of everything: what a running program sees, and what would be found after
//! the power failed. Bytes become durable by [`WriteFile::sync`]; names (creations, renames, links,
//! removals, and new directories in their parent) become durable by [`Fs::sync_dir`] of the
//! directory that holds them. [`MemFs::crash_clone`] gives the second state as a file system of its
//! own, [`MemFs::crash_clone_partial`] one of the states between the two that a real disk may also
//! leave behind.
//!
//! Truncating a file by [`Fs::create`] changes it under all its names, as it does on a real disk.
//! Paths are relative to one root: a leading `/` and `.` mean nothing, `..` is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::manual::Lottery;
use super::{FileLock, Fs, Metadata, ReadFile, WriteFile};

/// A file system in memory. Clones share one state.
///
/// # Complexity
/// Reads and appends cost their bytes; path look-ups O(depth · log names).
#[derive(Clone, Debug, Default)]
pub struct MemFs {
    tree: Arc<Mutex<Tree>>,
}

impl MemFs {
    /// An empty file system.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a file with its missing parent directories, all durable at once.
    ///
    /// # Errors
    /// `NotADirectory` if a parent is a file, `InvalidInput` for a path that names no file.
    pub fn install(&self, path: impl AsRef<Path>, bytes: impl Into<Vec<u8>>) -> io::Result<()> {
        let bytes = bytes.into();
        let mut tree = self.tree();
        let parts = parts(path.as_ref())?;
        let (name, parents) = parts.split_last().ok_or(io::ErrorKind::InvalidInput)?;
        let dir = tree.make_dirs(parents, true)?;
        let file = tree.add(Node::File(Arc::new(RwLock::new(Content {
            durable: bytes.clone(),
            visible: bytes,
        }))));
        tree.dir_mut(dir)?.put_durable(name, file);
        Ok(())
    }

    /// The bytes of a file as a running program sees them.
    pub fn read(&self, path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        let content = self.tree().file(path.as_ref())?;
        let content = content.read().unwrap_or_else(PoisonError::into_inner);
        Ok(content.visible.clone())
    }

    /// What a power failure now would leave: durable names with durable bytes. Independent of
    /// `self`; no locks held.
    #[must_use]
    pub fn crash_clone(&self) -> Self {
        self.after_crash(&mut |_| 0)
    }

    /// One of the states that a power failure now may leave: of each directory a prefix of the
    /// unsynced changes, of each file a prefix of the unsynced bytes, drawn by `seed`.
    #[must_use]
    pub fn crash_clone_partial(&self, seed: u64) -> Self {
        let mut lottery = Lottery::new(seed);
        self.after_crash(&mut |most| {
            usize::try_from(lottery.below(most as u64 + 1)).unwrap_or(most)
        })
    }

    fn after_crash(&self, draw: &mut dyn FnMut(usize) -> usize) -> Self {
        let tree = self.tree();
        let nodes = tree.nodes.iter().map(|n| n.after_crash(draw)).collect();
        Self {
            tree: Arc::new(Mutex::new(Tree {
                nodes,
                locked: BTreeSet::new(),
            })),
        }
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes of a file. Files only grow, except that truncation empties `visible`.
#[derive(Clone, Debug, Default)]
struct Content {
    visible: Vec<u8>,
    durable: Vec<u8>,
}

type SharedContent = Arc<RwLock<Content>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct NodeId(usize);

const ROOT: NodeId = NodeId(0);

#[derive(Debug)]
enum Node {
    Dir(Dir),
    File(SharedContent),
}

impl Node {
    fn after_crash(&self, draw: &mut dyn FnMut(usize) -> usize) -> Node {
        match self {
            Node::Dir(dir) => {
                let mut names = dir.durable.clone();
                let kept = draw(dir.unsynced.len());
                for change in dir.unsynced.iter().take(kept) {
                    change.apply(&mut names);
                }
                Node::Dir(Dir {
                    durable: names.clone(),
                    visible: names,
                    unsynced: Vec::new(),
                })
            }
            Node::File(content) => {
                let content = content.read().unwrap_or_else(PoisonError::into_inner);
                let mut bytes = content.durable.clone();
                if let Some(tail) = content.visible.strip_prefix(&bytes[..]) {
                    let kept = draw(tail.len());
                    bytes.extend(tail.iter().take(kept));
                }
                Node::File(Arc::new(RwLock::new(Content {
                    durable: bytes.clone(),
                    visible: bytes,
                })))
            }
        }
    }
}

/// Names of one directory, and the changes since it was last synced, in order.
#[derive(Debug, Default)]
struct Dir {
    visible: BTreeMap<String, NodeId>,
    durable: BTreeMap<String, NodeId>,
    unsynced: Vec<Change>,
}

/// One atomic change of a directory's names.
#[derive(Clone, Debug)]
enum Change {
    Put(String, NodeId),
    Remove(String),
    Rename(String, String, NodeId),
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<String, NodeId>) {
        match self {
            Change::Put(name, node) => {
                names.insert(name.clone(), *node);
            }
            Change::Remove(name) => {
                names.remove(name);
            }
            Change::Rename(from, to, node) => {
                names.remove(from);
                names.insert(to.clone(), *node);
            }
        }
    }
}

impl Dir {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.visible);
        self.unsynced.push(change);
    }

    fn put_durable(&mut self, name: &str, node: NodeId) {
        self.visible.insert(name.to_owned(), node);
        self.durable.insert(name.to_owned(), node);
    }
}

#[derive(Debug)]
struct Tree {
    nodes: Vec<Node>,
    locked: BTreeSet<NodeId>,
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            nodes: vec![Node::Dir(Dir::default())],
            locked: BTreeSet::new(),
        }
    }
}

impl Tree {
    fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        NodeId(self.nodes.len() - 1)
    }

    fn dir(&self, id: NodeId) -> io::Result<&Dir> {
        match self.nodes.get(id.0) {
            Some(Node::Dir(dir)) => Ok(dir),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn dir_mut(&mut self, id: NodeId) -> io::Result<&mut Dir> {
        match self.nodes.get_mut(id.0) {
            Some(Node::Dir(dir)) => Ok(dir),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn child(&self, dir: NodeId, name: &str) -> io::Result<Option<NodeId>> {
        Ok(self.dir(dir)?.visible.get(name).copied())
    }

    fn find(&self, path: &Path) -> io::Result<NodeId> {
        let mut at = ROOT;
        for name in parts(path)? {
            at = self.child(at, name)?.ok_or(io::ErrorKind::NotFound)?;
        }
        Ok(at)
    }

    /// The directory that holds `path`, and the name in it.
    fn find_parent<'a>(&self, path: &'a Path) -> io::Result<(NodeId, &'a str)> {
        let parts = parts(path)?;
        let (name, parents) = parts.split_last().ok_or(io::ErrorKind::InvalidInput)?;
        let mut at = ROOT;
        for parent in parents {
            at = self.child(at, parent)?.ok_or(io::ErrorKind::NotFound)?;
        }
        self.dir(at)?;
        Ok((at, name))
    }

    fn file(&self, path: &Path) -> io::Result<SharedContent> {
        self.file_at(self.find(path)?)
    }

    fn file_at(&self, id: NodeId) -> io::Result<SharedContent> {
        match self.nodes.get(id.0) {
            Some(Node::File(content)) => Ok(Arc::clone(content)),
            _ => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    fn make_dirs(&mut self, names: &[&str], durable: bool) -> io::Result<NodeId> {
        let mut at = ROOT;
        for name in names {
            at = if let Some(child) = self.child(at, name)? {
                child
            } else {
                let child = self.add(Node::Dir(Dir::default()));
                let parent = self.dir_mut(at)?;
                if durable {
                    parent.put_durable(name, child);
                } else {
                    parent.change(Change::Put((*name).to_owned(), child));
                }
                child
            };
            self.dir(at)?;
        }
        Ok(at)
    }

    /// Opens for writing from an empty file: an existing one is truncated under all its names.
    fn create(&mut self, path: &Path, must_be_new: bool) -> io::Result<SharedContent> {
        let (dir, name) = self.find_parent(path)?;
        if let Some(existing) = self.child(dir, name)? {
            if must_be_new {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            let content = self.file_at(existing)?;
            let mut held = content.write().unwrap_or_else(PoisonError::into_inner);
            held.visible.clear();
            drop(held);
            return Ok(content);
        }
        let content = SharedContent::default();
        let node = self.add(Node::File(Arc::clone(&content)));
        self.dir_mut(dir)?
            .change(Change::Put(name.to_owned(), node));
        Ok(content)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let (from_dir, from_name) = self.find_parent(from)?;
        let (to_dir, to_name) = self.find_parent(to)?;
        let node = self
            .child(from_dir, from_name)?
            .ok_or(io::ErrorKind::NotFound)?;
        match self.child(to_dir, to_name)? {
            Some(target) if target == node => return Ok(()),
            Some(target) if self.dir(target).is_ok() => {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            _ => {}
        }
        let (from_name, to_name) = (from_name.to_owned(), to_name.to_owned());
        if from_dir == to_dir {
            let change = Change::Rename(from_name, to_name, node);
            self.dir_mut(from_dir)?.change(change);
        } else {
            self.dir_mut(to_dir)?.change(Change::Put(to_name, node));
            self.dir_mut(from_dir)?.change(Change::Remove(from_name));
        }
        Ok(())
    }
}

/// The names of a path from the root.
fn parts(path: &Path) -> io::Result<Vec<&str>> {
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
            Component::ParentDir => return Err(io::ErrorKind::InvalidInput.into()),
            Component::Normal(name) => {
                parts.push(name.to_str().ok_or(io::ErrorKind::InvalidInput)?);
            }
        }
    }
    Ok(parts)
}

/// A file in memory opened for reads; also any bytes that shall be read as a file.
#[derive(Debug)]
pub struct MemFile {
    content: SharedContent,
    len: u64,
}

impl MemFile {
    /// A file that holds `bytes`.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        let visible = bytes.into();
        let len = visible.len() as u64;
        let durable = Vec::new();
        Self {
            content: Arc::new(RwLock::new(Content { visible, durable })),
            len,
        }
    }
}

impl ReadFile for MemFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let content = self.content.read().unwrap_or_else(PoisonError::into_inner);
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|offset| content.visible.get(offset..))
            .unwrap_or_default();
        let len = rest.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..len), rest.get(..len)) {
            to.copy_from_slice(from);
        }
        Ok(len)
    }

    fn len(&self) -> u64 {
        self.len
    }
}

#[derive(Debug)]
struct MemWriteFile(SharedContent);

impl WriteFile for MemWriteFile {
    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        let mut content = self.0.write().unwrap_or_else(PoisonError::into_inner);
        content.visible.extend_from_slice(data);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut content = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Content { visible, durable } = &mut *content;
        match visible.strip_prefix(&durable[..]) {
            Some(tail) => durable.extend_from_slice(tail),
            None => durable.clone_from(visible),
        }
        Ok(())
    }
}

#[derive(Debug)]
struct MemLock {
    tree: Arc<Mutex<Tree>>,
    node: NodeId,
}

impl FileLock for MemLock {}

impl Drop for MemLock {
    fn drop(&mut self) {
        let mut tree = self.tree.lock().unwrap_or_else(PoisonError::into_inner);
        tree.locked.remove(&self.node);
    }
}

impl Fs for MemFs {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        let content = self.tree().file(path)?;
        let held = content.read().unwrap_or_else(PoisonError::into_inner);
        let len = held.visible.len() as u64;
        drop(held);
        Ok(Arc::new(MemFile { content, len }))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        let content = self.tree().create(path, false)?;
        Ok(Box::new(MemWriteFile(content)))
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        let content = self.tree().create(path, true)?;
        Ok(Box::new(MemWriteFile(content)))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let tree = self.tree();
        let dir = tree.dir(tree.find(dir)?)?;
        Ok(dir.visible.keys().cloned().collect())
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let tree = self.tree();
        let id = tree.find(path)?;
        if tree.dir(id).is_ok() {
            return Ok(Metadata {
                len: 0,
                is_dir: true,
                modified: None,
            });
        }
        let content = tree.file_at(id)?;
        let content = content.read().unwrap_or_else(PoisonError::into_inner);
        Ok(Metadata {
            len: content.visible.len() as u64,
            is_dir: false,
            modified: None,
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.tree().rename(from, to)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut tree = self.tree();
        let node = tree.find(from)?;
        tree.file_at(node)?;
        let (dir, name) = tree.find_parent(to)?;
        if tree.child(dir, name)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        tree.dir_mut(dir)?
            .change(Change::Put(name.to_owned(), node));
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut tree = self.tree();
        let (dir, name) = tree.find_parent(path)?;
        let node = tree.child(dir, name)?.ok_or(io::ErrorKind::NotFound)?;
        tree.file_at(node)?;
        tree.dir_mut(dir)?.change(Change::Remove(name.to_owned()));
        Ok(())
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut tree = self.tree();
        let (dir, name) = tree.find_parent(path)?;
        let node = tree.child(dir, name)?.ok_or(io::ErrorKind::NotFound)?;
        tree.dir(node)?;
        tree.dir_mut(dir)?.change(Change::Remove(name.to_owned()));
        Ok(())
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.tree().make_dirs(&parts(path)?, false)?;
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut tree = self.tree();
        let id = tree.find(dir)?;
        let dir = tree.dir_mut(id)?;
        dir.durable.clone_from(&dir.visible);
        dir.unsynced.clear();
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>> {
        let mut tree = self.tree();
        let (dir, name) = tree.find_parent(path)?;
        if tree.child(dir, name)?.is_none() {
            tree.create(path, true)?;
        }
        let node = tree.child(dir, name)?.ok_or(io::ErrorKind::NotFound)?;
        tree.file_at(node)?;
        if !tree.locked.insert(node) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(MemLock {
            tree: Arc::clone(&self.tree),
            node,
        }))
    }
}
