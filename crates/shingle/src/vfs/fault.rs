//! A file system that fails on demand.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::plan::{Action, Fault, FaultPlan, Op};
use super::{FileLock, Fs, Metadata, ReadFile, WriteFile};

/// Wraps a file system, counts the operations, and makes those go wrong that its [`FaultPlan`]
/// names. Clones share the plan and the counts.
///
/// A sweep runs the same work under `fail any 0`, `fail any 1`, … until [`FaultFs::faults`] stays
/// zero: then every operation of the work has failed once.
#[derive(Clone, Debug)]
pub struct FaultFs {
    inner: Arc<dyn Fs>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    plan: FaultPlan,
    counts: BTreeMap<Op, u64>,
    faults: u64,
}

impl FaultFs {
    /// Wraps `inner`; operations go wrong as `plan` says.
    pub fn new(inner: Arc<dyn Fs>, plan: FaultPlan) -> Self {
        let state = State {
            plan,
            ..State::default()
        };
        Self {
            inner,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Replaces the plan; its indexes count from now, and so do all counts.
    pub fn arm(&self, plan: FaultPlan) {
        *self.state() = State {
            plan,
            ..State::default()
        };
    }

    /// Operations of one kind so far.
    pub fn operations(&self, op: Op) -> u64 {
        self.state().counts.get(&op).copied().unwrap_or_default()
    }

    /// All operations so far.
    pub fn operations_total(&self) -> u64 {
        self.state().counts.values().sum()
    }

    /// Operations that went wrong so far.
    pub fn faults(&self) -> u64 {
        self.state().faults
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn decide(&self, op: Op, path: &Path) -> Option<Fault> {
        let mut state = self.state();
        *state.counts.entry(op).or_default() += 1;
        let fault = state.plan.decide(op, path);
        state.faults += u64::from(fault.is_some());
        fault
    }

    /// Fails if the plan says so; for operations that either happen or do not.
    fn check(&self, op: Op, path: &Path) -> io::Result<()> {
        match self.decide(op, path) {
            Some(fault) => Err(fault.error),
            None => Ok(()),
        }
    }

    fn writer(&self, path: &Path, inner: Box<dyn WriteFile>) -> Box<dyn WriteFile> {
        Box::new(FaultWriteFile {
            fs: self.clone(),
            path: path.to_owned(),
            inner,
        })
    }
}

/// Inverts bit `bit`, or the middle one, of `bytes`.
fn flip(bytes: &mut [u8], bit: Option<u64>) {
    let bits = bytes.len() as u64 * 8;
    let bit = bit.unwrap_or(bits / 2).checked_rem(bits).unwrap_or(0);
    let byte = usize::try_from(bit / 8).unwrap_or(usize::MAX);
    if let Some(byte) = bytes.get_mut(byte) {
        *byte ^= 1 << (bit % 8);
    }
}

#[derive(Debug)]
struct FaultReadFile {
    fs: FaultFs,
    path: PathBuf,
    inner: Arc<dyn ReadFile>,
}

impl ReadFile for FaultReadFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let fault = self.fs.decide(Op::Read, &self.path);
        if let Some(Fault {
            action: Action::Fail | Action::Torn,
            error,
        }) = fault
        {
            return Err(error);
        }
        let len = self.inner.read_at(offset, buf)?;
        match fault.map(|fault| fault.action) {
            Some(Action::Short) => Ok(len / 2),
            Some(Action::Flip(bit)) => {
                flip(buf.get_mut(..len).unwrap_or_default(), bit);
                Ok(len)
            }
            _ => Ok(len),
        }
    }

    fn len(&self) -> u64 {
        self.inner.len()
    }
}

#[derive(Debug)]
struct FaultWriteFile {
    fs: FaultFs,
    path: PathBuf,
    inner: Box<dyn WriteFile>,
}

impl WriteFile for FaultWriteFile {
    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        let Some(fault) = self.fs.decide(Op::Write, &self.path) else {
            return self.inner.write_all(data);
        };
        if let Action::Flip(bit) = fault.action {
            let mut data = data.to_vec();
            flip(&mut data, bit);
            return self.inner.write_all(&data);
        }
        if fault.action == Action::Short {
            let (head, _) = data.split_at_checked(data.len() / 2).unwrap_or_default();
            self.inner.write_all(head)?;
        }
        Err(fault.error)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.fs.check(Op::Sync, &self.path)?;
        self.inner.sync()
    }
}

impl Fs for FaultFs {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        self.check(Op::Open, path)?;
        Ok(Arc::new(FaultReadFile {
            fs: self.clone(),
            path: path.to_owned(),
            inner: self.inner.open(path)?,
        }))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        self.check(Op::Create, path)?;
        Ok(self.writer(path, self.inner.create(path)?))
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        self.check(Op::Create, path)?;
        Ok(self.writer(path, self.inner.create_new(path)?))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.check(Op::List, dir)?;
        self.inner.list(dir)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.check(Op::Metadata, path)?;
        self.inner.metadata(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let Some(fault) = self.decide(Op::Rename, from) else {
            return self.inner.rename(from, to);
        };
        if fault.action == Action::Torn && self.inner.metadata(to).is_ok() {
            self.inner.remove_file(to)?;
        }
        Err(fault.error)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check(Op::Link, from)?;
        self.inner.hard_link(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.check(Op::Remove, path)?;
        self.inner.remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.check(Op::Remove, path)?;
        self.inner.remove_dir_all(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.check(Op::MakeDir, path)?;
        self.inner.create_dir_all(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.check(Op::SyncDir, dir)?;
        self.inner.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>> {
        self.check(Op::Lock, path)?;
        self.inner.lock(path)
    }
}
