//! What the tests on packed files share: opening one as a Go profile reads it, and the comparison with its dump.

use std::path::Path;
use std::sync::Arc;

use c1z::engine::{Profile, Reader};
use c1z::v1_tables::Zone;
use c1z::{OpenOptions, Store};
use testkit::check::{CheckOptions, CheckReport, Deviation, Order, check_reader};
use testkit::clock::ManualClock;
use testkit::golden::Dump;
use testkit::table::Table;

/// Opens a file as it was when Go read it.
pub(crate) fn open_as(path: &Path, profile: Profile, dump: &Dump) -> c1z::Result<Store> {
    let clock = Arc::new(ManualClock::at(dump.read_at()));
    c1z::open_with(
        path,
        &OpenOptions {
            clock,
            profile,
            // Where the files were written and read (`testdata/golden/README.md`).
            zone: Zone::utc(),
            ..OpenOptions::default()
        },
    )
}

/// A table of files and checks, and what is wrong.
#[derive(Default)]
pub(crate) struct Comparison {
    table: Table,
    wrong: String,
    pub(crate) files: usize,
}

impl Comparison {
    /// Compares a reader with a dump.
    pub(crate) fn add(
        &mut self,
        label: &str,
        reader: &dyn Reader,
        dump: &Dump,
        profile: Profile,
        deviations: Vec<Deviation>,
    ) {
        // Go's SQLite engine lists the grants for a type by row number, ours by the index that has the type.
        let order = if profile == Profile::GoSqlite {
            Order::Primary
        } else {
            Order::AsGo
        };
        self.add_with(
            label,
            reader,
            dump,
            profile,
            &CheckOptions { order, deviations },
        );
    }

    /// The same, in an order that the caller knows.
    pub(crate) fn add_with(
        &mut self,
        label: &str,
        reader: &dyn Reader,
        dump: &Dump,
        profile: Profile,
        options: &CheckOptions,
    ) {
        let report: CheckReport = check_reader(reader, dump, profile, options);
        report.fill(&mut self.table, label);
        if !report.is_clean() {
            let differences = report.render(8);
            self.wrong.extend(["== ", label, "\n", &differences]);
        }
        self.files += 1;
    }

    /// Prints the table and fails if anything differed.
    pub(crate) fn finish(self) {
        println!("{}", self.table.render());
        assert!(self.wrong.is_empty(), "{}", self.wrong);
    }
}
