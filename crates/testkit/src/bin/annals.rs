//! Lives the life of a folder of syncs, going on where an earlier run was interrupted: the program that the kill tests of folders kill.
//!
//! ```text
//! annals DIR [OPTION VALUE]…
//!
//! --from N       the first deed; 0 unless told otherwise
//! --halt D:N     stop for ever before the N-th change of the disk in deed D
//! --plant FLAW   one-by-one, copied-in-place or no-log
//! ```
//!
//! It prints a line when a deed begins and when it is acknowledged.
#![expect(clippy::print_stdout, reason = "the lines tell the test where to kill")]

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use shingle::vfs::{Op, OsFs};
use testkit::durable::{Annals, Bend, BentFs, Flaw, Turn};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Stops before one change of the disk in one deed.
#[derive(Debug)]
struct Halt {
    deed: AtomicUsize,
    changes: AtomicU64,
    at: Option<(usize, u64)>,
}

impl Halt {
    fn enter(&self, deed: usize) {
        self.deed.store(deed, Ordering::SeqCst);
        self.changes.store(0, Ordering::SeqCst);
    }
}

impl Bend for Halt {
    fn bend(&self, _: Op, _: &Path, act: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        let number = self.changes.fetch_add(1, Ordering::SeqCst);
        if self.at == Some((self.deed.load(Ordering::SeqCst), number)) {
            println!("halted");
            loop {
                std::thread::park();
            }
        }
        act()
    }
}

fn main() -> Outcome<()> {
    let mut words = std::env::args().skip(1);
    let dir = words
        .next()
        .ok_or("no directory; see the top of annals.rs")?;
    let (mut from, mut at, mut flaw) = (0, None, None);
    while let Some(option) = words.next() {
        let value = words
            .next()
            .ok_or_else(|| format!("`{option}` has no value"))?;
        match option.as_str() {
            "--from" => from = value.parse()?,
            "--halt" => {
                let (deed, change) = value.split_once(':').ok_or("`--halt` wants D:N")?;
                at = Some((deed.parse()?, change.parse()?));
            }
            "--plant" => flaw = Some(planted(&value)?),
            _ => return Err(format!("unknown option `{option}`").into()),
        }
    }
    let halt = Arc::new(Halt {
        deed: AtomicUsize::new(usize::MAX),
        changes: AtomicU64::new(0),
        at,
    });
    let annals = Annals {
        fs: Arc::new(BentFs::new(Arc::new(OsFs), Arc::<Halt>::clone(&halt))),
        dir: dir.into(),
        flaw,
    };
    annals.run(from, &mut |turn| match turn {
        Turn::Begun(deed) => {
            halt.enter(deed);
            println!("begun {deed}");
        }
        Turn::Done(deed) => println!("done {deed}"),
    })?;
    Ok(())
}

fn planted(text: &str) -> Outcome<Flaw> {
    match text {
        "one-by-one" => Ok(Flaw::OneByOne),
        "copied-in-place" => Ok(Flaw::CopiedInPlace),
        "no-log" => Ok(Flaw::NoLog),
        _ => Err(format!("unknown flaw `{text}`").into()),
    }
}
