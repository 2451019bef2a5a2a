//! `c1z sessions`: what the connector kept between the steps of a sync.

use std::vec::IntoIter;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use c1z::Store;
use c1z::engine::reader::SessionEntry;
use c1z::engine::types::SyncId;

use crate::args::{Global, SessionGetArgs, SessionListArgs, SessionsCommand};
use crate::failure::Failure;
use crate::file;
use crate::list::{self, Listing, Shape};
use crate::output::fields::Member;
use crate::output::{json, write_to};

pub(crate) fn run(global: &Global, what: &SessionsCommand) -> Result<(), Failure> {
    match what {
        SessionsCommand::List(args) => list_all(global, args),
        SessionsCommand::Get(args) => get(global, args),
    }
}

fn list_all(global: &Global, args: &SessionListArgs) -> Result<(), Failure> {
    let store = file::open(global)?;
    let selected = file::select(global, &store)?;
    let entries = selected
        .iter()
        .flat_map(|selected| Entries::new(&store, &selected.run.id, &args.prefix));
    list::print(global, &args.list, selected.as_ref(), Sessions, entries)
}

fn get(global: &Global, args: &SessionGetArgs) -> Result<(), Failure> {
    let store = file::open(global)?;
    let value = match file::select(global, &store)? {
        Some(selected) => {
            let sync = &selected.run.id;
            store.reader().session_get(sync, &args.prefix, &args.key)?
        }
        None => None,
    };
    let Some(value) = value else {
        let (prefix, key) = (&args.prefix, &args.key);
        let message = format!("session entry not found: key=`{prefix}{key}`");
        let hint = "`c1z sessions list` shows the keys";
        return Err(c1z::Error::not_found(message).with_hint(hint).into());
    };
    write_to(&global.file, &args.out, &mut value.as_slice())
}

/// The entries under a prefix, one answer at a time.
struct Entries<'a> {
    store: &'a Store,
    sync: &'a SyncId,
    prefix: &'a str,
    page: IntoIter<SessionEntry>,
    /// Token of the next page; none behind the last.
    next: Option<String>,
}

impl<'a> Entries<'a> {
    fn new(store: &'a Store, sync: &'a SyncId, prefix: &'a str) -> Self {
        Self {
            store,
            sync,
            prefix,
            page: Vec::new().into_iter(),
            next: Some(String::new()),
        }
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<SessionEntry, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.page.next() {
                return Some(Ok(entry));
            }
            let token = self.next.take()?;
            let reader = self.store.reader();
            match reader.session_get_all(self.sync, self.prefix, &token) {
                Ok(page) => {
                    self.page = page.rows.into_iter();
                    self.next = Some(page.next_token).filter(|token| !token.is_empty());
                }
                Err(error) => return Some(Err(error.into())),
            }
        }
    }
}

struct Sessions;

impl Listing for Sessions {
    type Row = SessionEntry;

    const SHAPE: Shape = Shape {
        list: "sessions",
        row: "session",
        heads: &["Key", "Size"],
        members: &[
            Member::plain("key"),
            Member::plain("size"),
            Member::plain("value"),
        ],
        csv: &["key", "size"],
    };

    fn cells(&mut self, (key, value): &SessionEntry) -> Result<Vec<String>, Failure> {
        Ok(vec![key.clone(), value.len().to_string()])
    }

    fn member(
        &mut self,
        (key, value): &SessionEntry,
        name: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        match name {
            "key" => json::append_text(key, out),
            "size" => json::append_text(&value.len().to_string(), out),
            _ => json::append_text(&STANDARD.encode(value), out),
        }
        Ok(())
    }
}
