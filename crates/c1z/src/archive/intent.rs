//! The intent record: an operation over several entries, decided as a whole.
//!
//! Everything that is to appear is made first, under names that nobody reads. Then the record is written, synced and
//! renamed to `c1z.intent`: from this moment the operation has happened. Its steps are done, and the record is removed. A crash
//! before the rename leaves nothing but leftovers; one after it leaves steps that the next writer does, and that readers see
//! as done. Each step can be done twice.
//!
//! The file is text:
//!
//! | line | meaning |
//! |---|---|
//! | `c1z-intent 1` | first; version of the file |
//! | `remove NAME` | the entry is gone |
//! | `rename FROM TO` | what was made is the entry |
//! | `end N` | last; N steps |
//!
//! Names are of one folder and hold neither blanks nor `/`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use shingle::vfs::Fs;

use super::name::{INTENT, Name};
use crate::{Error, Result};

const HEAD: &str = "c1z-intent 1";
const STRUCTURE: &str = "intent record";
const TEMPORARY: &str = "c1z.intent.tmp";
/// Most bytes of the file; a step for each of a million entries fits.
const LEN_MAX: u64 = 128 << 20;

/// A step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The entry of this name is gone.
    Remove(String),
    /// What has the first name, gets the second.
    Rename(String, String),
}

/// An operation over several entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Intent(pub(super) Vec<Step>);

impl Intent {
    fn encode(&self) -> Result<String> {
        let mut text = format!("{HEAD}\n");
        for step in &self.0 {
            let names = match step {
                Step::Remove(name) => vec![name],
                Step::Rename(from, to) => vec![from, to],
            };
            if !names.into_iter().all(|name| is_plain(name)) {
                return Err(Error::invalid(format!("a step with odd names: {step:?}")));
            }
            // Writing to a string cannot fail.
            let _ = match step {
                Step::Remove(name) => writeln!(text, "remove {name}"),
                Step::Rename(from, to) => writeln!(text, "rename {from} {to}"),
            };
        }
        let _ = writeln!(text, "end {}", self.0.len());
        Ok(text)
    }

    fn parse(text: &str) -> Result<Self> {
        let wrong = |line: usize, expected: &str, found: &str| {
            Error::data_loss(STRUCTURE, line as u64, expected, found.escape_default())
                .with_hint("remove the file only if you know what it was to do")
        };
        let mut lines = text.lines().enumerate();
        match lines.next() {
            Some((_, HEAD)) => {}
            other => return Err(wrong(1, HEAD, other.map_or("", |(_, line)| line))),
        }
        let mut steps = Vec::new();
        for (index, line) in lines.by_ref() {
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["remove", name] if is_plain(name) => steps.push(Step::Remove((*name).to_owned())),
                ["rename", from, to] if is_plain(from) && is_plain(to) => {
                    steps.push(Step::Rename((*from).to_owned(), (*to).to_owned()));
                }
                ["end", count] if *count == steps.len().to_string() => {
                    return match lines.next() {
                        None => Ok(Self(steps)),
                        Some((index, line)) => Err(wrong(index + 1, "nothing after the end", line)),
                    };
                }
                _ => return Err(wrong(index + 1, "a step", line)),
            }
        }
        Err(wrong(0, "the end", "nothing"))
    }

    /// The decided operation, if there is one.
    pub(super) fn read(fs: &dyn Fs, folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(INTENT);
        let file = match fs.open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io("open", &path, e)),
        };
        if file.len() > LEN_MAX {
            return Err(Error::data_loss(STRUCTURE, 0, "a short file", file.len()).in_file(path));
        }
        let mut bytes = vec![0; usize::try_from(file.len()).unwrap_or_default()];
        file.read_exact_at(0, &mut bytes)
            .map_err(|e| Error::io("read", &path, e))?;
        let text = String::from_utf8_lossy(&bytes);
        Self::parse(&text).map(Some).map_err(|e| e.in_file(path))
    }

    /// Decides the operation: when this returns it has happened, whatever comes.
    pub(super) fn decide(&self, fs: &dyn Fs, folder: &Path) -> Result<()> {
        let (temporary, path) = (folder.join(TEMPORARY), folder.join(INTENT));
        let text = self.encode()?;
        let written = fs.create(&temporary).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync()
        });
        written.map_err(|e| Error::io("write the intent record", &temporary, e))?;
        let decided = fs.rename(&temporary, &path);
        decided.map_err(|e| Error::io("put the intent record in its place", &path, e))?;
        if let Err(e) = fs.sync_dir(folder) {
            // Not known to be decided: it is taken back, or else the next writer does it.
            let _ = fs.remove_file(&path);
            return Err(Error::io("sync the folder", folder, e));
        }
        Ok(())
    }

    /// Does the steps that are not done, and forgets the operation.
    pub(super) fn carry_out(&self, fs: &dyn Fs, folder: &Path) -> Result<()> {
        let mut gone = Vec::new();
        for step in &self.0 {
            match step {
                Step::Remove(name) => {
                    if let Some(path) = put_aside(fs, folder, name)? {
                        gone.push(path);
                    }
                }
                Step::Rename(from, to) => rename_once(fs, folder, from, to)?,
            }
        }
        sync_folder(fs, folder)?;
        let path = folder.join(INTENT);
        fs.remove_file(&path)
            .map_err(|e| Error::io("remove the intent record", &path, e))?;
        sync_folder(fs, folder)?;
        for path in gone {
            remove_leftover(fs, &path);
        }
        Ok(())
    }

    /// The names of the folder as they are when the operation is done, each with the name that it has now.
    pub(super) fn seen(&self, names: Vec<String>) -> BTreeMap<String, String> {
        let mut seen: BTreeMap<String, String> =
            names.into_iter().map(|name| (name.clone(), name)).collect();
        let made: BTreeSet<&String> = self.0.iter().filter_map(target).collect();
        for step in &self.0 {
            match step {
                Step::Remove(name) if !made.contains(name) => drop(seen.remove(name)),
                Step::Remove(_) => {}
                Step::Rename(from, to) => {
                    if let Some(now) = seen.remove(from) {
                        seen.insert(to.clone(), now);
                    }
                }
            }
        }
        seen
    }
}

fn target(step: &Step) -> Option<&String> {
    match step {
        Step::Rename(_, to) => Some(to),
        Step::Remove(_) => None,
    }
}

fn is_plain(name: &str) -> bool {
    let is_odd =
        |byte: u8| byte.is_ascii_whitespace() || byte == b'/' || byte == b'\\' || byte == 0;
    !name.is_empty() && name != "." && name != ".." && !name.bytes().any(is_odd)
}

/// Gives an entry the name of a leftover; none if it is gone already.
pub(super) fn put_aside(
    fs: &dyn Fs,
    folder: &Path,
    name: &str,
) -> Result<Option<std::path::PathBuf>> {
    let Name::Entry(stem, _) = Name::parse(name) else {
        return Err(Error::invalid(format!(
            "not the name of an entry: name=`{name}`"
        )));
    };
    let (from, to) = (folder.join(name), folder.join(stem.gone_name()));
    match fs.metadata(&from) {
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("look up an entry", &from, e)),
    }
    if fs.metadata(&to).is_ok() {
        remove_leftover(fs, &to);
    }
    fs.rename(&from, &to)
        .map_err(|e| Error::io("put an entry aside", &from, e))?;
    Ok(Some(to))
}

/// Renames, unless that was done.
fn rename_once(fs: &dyn Fs, folder: &Path, from: &str, to: &str) -> Result<()> {
    let (from, to) = (folder.join(from), folder.join(to));
    match fs.rename(&from, &to) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound && fs.metadata(&to).is_ok() => Ok(()),
        Err(e) => Err(Error::io("put an entry in its place", &to, e)),
    }
}

/// Makes the names of the folder survive power failures.
pub(super) fn sync_folder(fs: &dyn Fs, folder: &Path) -> Result<()> {
    fs.sync_dir(folder)
        .map_err(|e| Error::io("sync the folder", folder, e))
}

/// Removes what nobody reads. What cannot be removed is found by the next writer and hinders nobody.
pub(super) fn remove_leftover(fs: &dyn Fs, path: &Path) {
    let is_dir = fs.metadata(path).is_ok_and(|found| found.is_dir);
    let _ = if is_dir {
        fs.remove_dir_all(path)
    } else {
        fs.remove_file(path)
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn intent() -> Intent {
        Intent(vec![
            Step::Remove("000001-a".to_owned()),
            Step::Rename(".000003-c.new".to_owned(), "000003-c.c1z".to_owned()),
        ])
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let text = intent().encode().unwrap();
        assert_eq!(Intent::parse(&text).unwrap(), intent());
        for cut in 0..text.len() - 1 {
            let cut = text.get(..cut).unwrap();
            let Err(error) = Intent::parse(cut) else {
                panic!("accepted: {cut:?}");
            };
            assert_eq!(error.kind(), ErrorKind::DataLoss);
        }
        for odd in ["a b", "../x", "", "..", "a/b"] {
            assert!(Intent(vec![Step::Remove(odd.to_owned())]).encode().is_err());
        }
        assert!(Intent::parse("c1z-intent 1\nremove a\nend 1\nremove b\n").is_err());
        assert!(Intent::parse("c1z-intent 2\nend 0\n").is_err());
    }

    #[test]
    fn readers_see_it_as_done_at_every_step() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        for (before, now) in [
            (
                &["000001-a", "000002-b", ".000003-c.new"][..],
                ".000003-c.new",
            ),
            (&["000002-b", ".000003-c.new"], ".000003-c.new"),
            (&["000002-b", "000003-c.c1z"], "000003-c.c1z"),
        ] {
            let seen = intent().seen(names(before));
            let seen: Vec<_> = seen
                .iter()
                .map(|(name, now)| (name.as_str(), now.as_str()))
                .collect();
            assert_eq!(seen, [("000002-b", "000002-b"), ("000003-c.c1z", now)]);
        }
    }
}
