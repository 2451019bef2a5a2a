//! Every operation of a whole life of a database fails once: creation, batches, spills, merges, a
//! derived family, seals, edits after a seal, checkpoints.
//!
//! After each failure the process ends, or the power fails, in turn, and the next opening must find a
//! state that the callers know: everything that a barrier covered, batches whole or absent, in order.
//! Then it must go on working. The sweep ends with the first index that no operation has.

use super::model::{Model, Write, batch_of, check, draw_writes};
use super::*;
use crate::ErrorKind;
use crate::vfs::{FaultFs, FaultPlan, Lottery};

enum Step {
    Commit(Vec<Write>),
    Barrier,
    Flush,
    Compact,
    Materialise,
    Seal(Vec<Write>),
    Recovery,
    Exchange,
    Join(Vec<Write>, Vec<Write>),
    Rederive,
}

fn script() -> Vec<Step> {
    let mut lottery = Lottery::new(5);
    let mut steps = Vec::new();
    let commits = |steps: &mut Vec<Step>, lottery: &mut Lottery, count: usize| {
        for _ in 0..count {
            let mut writes = draw_writes(lottery, 12);
            writes.extend(draw_writes(lottery, 12));
            steps.push(Step::Commit(writes));
        }
    };
    commits(&mut steps, &mut lottery, 2);
    steps.push(Step::Barrier);
    commits(&mut steps, &mut lottery, 4);
    steps.push(Step::Materialise);
    commits(&mut steps, &mut lottery, 1);
    steps.push(Step::Recovery);
    commits(&mut steps, &mut lottery, 1);
    steps.push(Step::Seal(draw_writes(&mut lottery, 3)));
    commits(&mut steps, &mut lottery, 1);
    steps.push(Step::Flush);
    commits(&mut steps, &mut lottery, 1);
    steps.push(Step::Exchange);
    steps.push(Step::Compact);
    steps.push(Step::Seal(draw_writes(&mut lottery, 3)));
    steps
}

/// Tables that join, and families that are derived again, before and after a seal.
fn script_of_joins() -> Vec<Step> {
    let mut lottery = Lottery::new(9);
    let mut steps = Vec::new();
    for round in 0..2_u8 {
        steps.push(Step::Commit(draw_writes(&mut lottery, 12)));
        let rows = [b"m-a", b"m-b"];
        let rows = rows.map(|key| Write::Set(key.to_vec(), vec![round; 9]));
        steps.push(Step::Join(rows.to_vec(), draw_writes(&mut lottery, 5)));
        steps.push(Step::Seal(draw_writes(&mut lottery, 3)));
        steps.push(Step::Rederive);
    }
    steps
}

/// What the tables hold wins over the writes that join with them.
fn join(database: &LiveDatabase, rows: &[Write], writes: &[Write]) -> Result<()> {
    let mut section = database.section();
    for row in rows {
        if let Write::Set(key, value) = row {
            section.add(key, value)?;
        }
    }
    database.join(vec![section.finish()?], batch_of(writes))
}

fn options(durability: Durability) -> LiveOptions {
    LiveOptions {
        durability,
        tables_open_max: 64,
        ..small()
    }
}

/// Runs the script; what may be found afterwards.
fn run(script: Vec<Step>, fs: &FaultFs, options: &LiveOptions) -> Model {
    let mut model = Model::new();
    let Ok(database) = LiveDatabase::create(Arc::new(fs.clone()), "db", options.clone()) else {
        return model;
    };
    for step in script {
        match &step {
            Step::Commit(writes) => match database.commit(batch_of(writes)) {
                Ok(_) => model.accept(writes),
                Err(_) => model.refuse(writes),
            },
            Step::Seal(writes) => match database.seal(batch_of(writes)) {
                Ok(_) => {
                    model.accept(writes);
                    model.barrier();
                }
                Err(_) => model.refuse(writes),
            },
            Step::Exchange => drop(database.checkpoint_exchange(Path::new("exchange"))),
            Step::Join(rows, writes) => {
                let all = [&writes[..], rows].concat();
                match join(&database, rows, writes) {
                    Ok(()) => {
                        model.accept(&all);
                        model.barrier();
                    }
                    Err(_) => model.refuse(&all),
                }
            }
            Step::Barrier
            | Step::Flush
            | Step::Compact
            | Step::Materialise
            | Step::Rederive
            | Step::Recovery => {
                let done = match step {
                    Step::Barrier => database.barrier(),
                    Step::Flush => database.flush(),
                    Step::Compact => database.compact_range(&Bounds::all()),
                    Step::Rederive => database.rederive(),
                    Step::Materialise => database.materialise(&Bounds::prefix(b"w")),
                    _ => database.checkpoint_recovery(Path::new("copy")),
                };
                if done.is_ok() {
                    model.barrier();
                }
            }
        }
    }
    model
}

/// Opens what a failure left, and goes on.
fn go_on(fs: &MemFs, options: &LiveOptions, mut model: Model, any: bool) {
    let database = create(fs, options.clone());
    model.found(&database, any);
    let writes = [Write::Set(b"p-after".to_vec(), value(2, 3, 4))];
    database.commit(batch_of(&writes)).unwrap();
    model.accept(&writes);
    assert_eq!(&check(&database), model.rows());
    database.seal(Batch::new()).unwrap();
    database.close().unwrap();
    assert_eq!(sealed_rows(fs, "db"), with_derived(model.rows()));
    // A checkpoint is whole or not there.
    for dir in ["exchange", "copy"] {
        let has_marker = |name: &String| name.starts_with("marker.manifest");
        let listed = fs.list(Path::new(dir)).unwrap_or_default();
        if listed.iter().any(has_marker) {
            if dir == "exchange" {
                sealed_rows(fs, dir);
            } else {
                check(&LiveDatabase::open(Arc::new(fs.clone()), dir, options.clone()).unwrap());
            }
        }
    }
}

/// Sweeps `plan`, in which `{k}` is the index; how many operations failed.
fn sweep(plan: &str, durability: Durability) -> u64 {
    sweep_of(script, plan, durability)
}

fn sweep_of(script: fn() -> Vec<Step>, plan: &str, durability: Durability) -> u64 {
    let options = options(durability);
    for k in 0.. {
        let disk = MemFs::new();
        let text = plan.replace("{k}", &k.to_string());
        let fs = FaultFs::new(Arc::new(disk.clone()), FaultPlan::parse(&text).unwrap());
        let model = run(script(), &fs, &options);
        if fs.faults() == 0 {
            return k;
        }
        let recovered = std::panic::AssertUnwindSafe(|| {
            // In turn: what was synced, a random part of the rest too, the end of the process.
            let image = match k % 3 {
                0 => disk.crash_clone(),
                1 => disk.crash_clone_partial(k),
                _ => disk.clone(),
            };
            go_on(&image, &options, model, true);
        });
        if let Err(panic) = std::panic::catch_unwind(recovered) {
            eprintln!("failed after `{text}`, {durability:?}");
            std::panic::resume_unwind(panic);
        }
    }
    0
}

#[test]
fn every_operation_fails_once() {
    let points = sweep("fail any {k}", Durability::PerBatch);
    eprintln!("{points} points");
    assert!(points > 300, "{points}");
}

#[test]
fn every_operation_of_joins_fails_once() {
    let points = sweep_of(script_of_joins, "fail any {k}", Durability::PerBatch);
    eprintln!("{points} points");
    assert!(points > 150, "{points}");
}

#[test]
fn every_operation_is_the_last_one_of_the_disk() {
    let points = sweep("fail any {k}..", Durability::PerBatch);
    eprintln!("{points} points");
    assert!(points > 300, "{points}");
}

#[test]
fn every_operation_fails_once_without_a_log() {
    let points = sweep("fail any {k}", Durability::None);
    eprintln!("{points} points");
    assert!(points > 250, "{points}");
}

#[test]
fn every_append_is_written_by_half() {
    let points = sweep("short write {k} =enospc", Durability::PerOperation);
    eprintln!("{points} points");
    assert!(points > 60, "{points}");
}

#[test]
fn every_rename_tears() {
    let points = sweep("torn rename {k}", Durability::PerBatch);
    eprintln!("{points} points");
    assert!(points > 20, "{points}");
}

#[test]
fn a_failed_spill_ends_writing_and_reads_go_on() {
    for background in [false, true] {
        let disk = MemFs::new();
        let fs = FaultFs::new(Arc::new(disk.clone()), FaultPlan::none());
        let options = LiveOptions {
            compaction: CompactionPolicy {
                fan_in: 3,
                background,
            },
            ..small()
        };
        let database = LiveDatabase::create(Arc::new(fs.clone()), "db", options.clone()).unwrap();
        fs.arm(FaultPlan::parse("fail create *.sst").unwrap());
        let mut accepted = 0_u64;
        let error = loop {
            let key = format!("p{accepted:04}");
            match database.commit(batch(|b| b.set(key.as_bytes(), &value(0, 0, 0)))) {
                Ok(_) => accepted += 1,
                Err(error) => break error,
            }
        };
        // The call that fills the buffer is told, or the next one that needs the thread.
        let again = database
            .commit(batch(|b| b.set(b"p", &value(0, 0, 0))))
            .unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Poisoned, "{error} {again}");
        assert!(again.to_string().contains("cannot create"), "{again}");
        assert!(database.barrier().is_err() && database.seal(Batch::new()).is_err());
        let visible = plain_rows(&database).len() as u64;
        assert!(visible >= accepted && visible <= accepted + 1);
        fs.arm(FaultPlan::none());
        assert!(database.flush().is_err(), "only reopening helps");
        drop(database);
        let found = plain_rows(&create(&disk, options)).len() as u64;
        assert!(found >= accepted && found <= accepted + 1);
    }
}
