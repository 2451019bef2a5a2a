//! Random work against a model, with kills and power failures on the way. Every seed is a test run of
//! its own that can be repeated.

use super::*;
use crate::vfs::Lottery;
use model::{Model, batch_of, check, draw_writes};

struct Run {
    seed: u64,
    fs: MemFs,
    options: LiveOptions,
    database: Option<LiveDatabase>,
    model: Model,
    lottery: Lottery,
    snapshots: Vec<(LiveSnapshot, Rows)>,
    checkpoints: u64,
}

impl Run {
    fn new(seed: u64, background: bool) -> Self {
        let mut lottery = Lottery::new(seed);
        let durability = match lottery.below(3) {
            0 => Durability::None,
            1 => Durability::PerBatch,
            _ => Durability::PerOperation,
        };
        let options = LiveOptions {
            durability,
            compaction: CompactionPolicy {
                fan_in: 2 + usize::try_from(lottery.below(3)).unwrap(),
                background,
            },
            threads: 1 + usize::try_from(lottery.below(2)).unwrap(),
            filter_bits_per_key: u32::try_from(lottery.below(2) * 10).unwrap(),
            ..small()
        };
        let fs = MemFs::new();
        Self {
            seed,
            database: Some(create(&fs, options.clone())),
            fs,
            options,
            model: Model::new(),
            lottery,
            snapshots: Vec::new(),
            checkpoints: 0,
        }
    }

    fn database(&self) -> &LiveDatabase {
        self.database.as_ref().unwrap()
    }

    fn step(&mut self) {
        match self.lottery.below(40) {
            0 => {
                self.database().barrier().unwrap();
                self.model.barrier();
            }
            1 => {
                self.database().flush().unwrap();
                self.model.barrier();
            }
            2 => self.compact(),
            3 => self.seal(),
            4 => {
                let family = usize::from(self.lottery.below(2) == 1);
                let bounds = Letters::new().families()[family].bounds.clone();
                let was_deferred = self.database().deferred()[family];
                self.database().materialise(&bounds).unwrap();
                if was_deferred {
                    self.model.barrier();
                }
            }
            5 | 6 => assert_eq!(&check(self.database()), self.model.rows()),
            7 => {
                let snapshot = self.database().snapshot();
                self.snapshots.push((snapshot, self.model.rows().clone()));
            }
            8 => self.check_snapshots(),
            9 | 10 => self.kill(),
            11 | 12 => self.fail_power(),
            13 => self.checkpoint(),
            14 => {
                self.database().rederive().unwrap();
                if self.options.durability != Durability::None {
                    self.read_beside();
                }
            }
            15 => self.join(),
            _ => {
                let writes = draw_writes(&mut self.lottery, 12);
                self.database().commit(batch_of(&writes)).unwrap();
                self.model.accept(&writes);
            }
        }
    }

    fn compact(&mut self) {
        let lower = format!("p{:02}", self.lottery.below(60));
        let upper = format!("p{:02}", self.lottery.below(60));
        self.database()
            .compact_range(&Bounds::range(lower, upper))
            .unwrap();
        self.model.barrier();
    }

    fn seal(&mut self) {
        let writes = draw_writes(&mut self.lottery, 3);
        self.database().seal(batch_of(&writes)).unwrap();
        self.model.accept(&writes);
        self.model.barrier();
        assert_eq!(sealed_rows(&self.fs, "db"), with_derived(self.model.rows()));
    }

    /// Another reader finds what was accepted.
    fn read_beside(&self) {
        let fs: Arc<dyn Fs> = Arc::new(self.fs.clone());
        let reader = Database::open_shared(&fs, "db", &ReadOptions::default()).unwrap();
        let bounds = Bounds {
            lower: None,
            upper: Some(b"w".to_vec()),
        };
        let found = collect(reader.scan(bounds, ScanOptions::default()));
        assert_eq!(&found, self.model.rows());
    }

    fn join(&mut self) {
        let mut writes = draw_writes(&mut self.lottery, 3);
        let row = (b"m99".to_vec(), self.lottery.draw().to_le_bytes().to_vec());
        let mut section = self.database().section();
        section.add(&row.0, &row.1).unwrap();
        let section = section.finish().unwrap();
        self.database()
            .join(vec![section], batch_of(&writes))
            .unwrap();
        writes.push(model::Write::Set(row.0, row.1));
        self.model.accept(&writes);
        self.model.barrier();
    }

    fn check_snapshots(&mut self) {
        for (snapshot, rows) in self.snapshots.drain(..) {
            for (key, value) in &rows {
                assert_eq!(snapshot.get(key).unwrap().as_deref(), Some(&value[..]));
            }
            let scan = snapshot
                .scan(Bounds::prefix(b"p"), ScanOptions::default())
                .unwrap();
            let primaries = rows.into_iter().filter(|(key, _)| key.starts_with(b"p"));
            assert_eq!(collect(scan), primaries.collect());
        }
    }

    /// The process ends without a word.
    fn kill(&mut self) {
        self.snapshots.clear();
        self.database = None;
        let any = self.options.durability == Durability::None;
        self.reopen(any);
    }

    /// Synced bytes stay, and of the others as many as chance leaves.
    fn fail_power(&mut self) {
        let fs = match self.lottery.below(2) {
            0 => self.fs.crash_clone(),
            _ => self.fs.crash_clone_partial(self.lottery.draw()),
        };
        self.snapshots.clear();
        self.database = None;
        self.fs = fs;
        self.reopen(self.options.durability != Durability::PerOperation);
    }

    fn reopen(&mut self, any: bool) {
        let database = create(&self.fs, self.options.clone());
        self.model.found(&database, any);
        self.database = Some(database);
    }

    fn checkpoint(&mut self) {
        self.checkpoints += 1;
        let (copy, exchange) = (
            format!("copy-{}", self.checkpoints),
            format!("exchange-{}", self.checkpoints),
        );
        self.database()
            .checkpoint_recovery(Path::new(&copy))
            .unwrap();
        self.model.barrier();
        self.database()
            .checkpoint_exchange(Path::new(&exchange))
            .unwrap();
        assert_eq!(
            sealed_rows(&self.fs, &exchange),
            with_derived(self.model.rows())
        );
        // What is done to the copy stays there.
        let after = self.fs.crash_clone();
        let opened =
            LiveDatabase::open(Arc::new(after.clone()), &copy, self.options.clone()).unwrap();
        assert_eq!(&check(&opened), self.model.rows());
        opened
            .commit(batch(|b| b.set(b"p-copy", &value(0, 1, 2))))
            .unwrap();
        opened.seal(Batch::new()).unwrap();
        assert_eq!(&check(self.database()), self.model.rows());
    }

    fn finish(mut self) {
        for _ in 0..70 {
            self.step();
        }
        self.check_snapshots();
        self.seal();
        assert_eq!(&check(self.database()), self.model.rows());
    }
}

/// Runs the seeds `from..to`; a failure names the one that failed.
fn run_seeds(from: u64, to: u64, background: bool) {
    for seed in from..to {
        let run = std::panic::AssertUnwindSafe(|| {
            let run = Run::new(seed, background);
            assert_eq!(run.seed, seed);
            run.finish();
        });
        if let Err(panic) = std::panic::catch_unwind(run) {
            eprintln!("failed with seed {seed}, background {background}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn random_work_inline() {
    run_seeds(0, 60, false);
}

#[test]
fn random_work_with_a_background_thread() {
    run_seeds(1000, 1040, true);
}
