//! Generated v3 files of several kinds, through `V3Builder`.

use std::path::Path;
use std::time::UNIX_EPOCH;

use buffa::MessageField;
use c1z::engine::types::{SyncId, SyncRun, SyncType, Timestamp, Verification};
use c1z::envelope::PayloadEncoding;
use c1z::keyspace::MetadataKey;
use c1z::ksuid::Ksuid;
use c1z::ops::build::{BuildOptions, Digests, PackOptions, RunToWrite, V3Builder};
use c1z::record::SessionView;
use c1z_proto::connector::v2;
use shingle::vfs::{Clock, OsClock, OsFs};
use testkit::chance::Chance;
use testkit::generate::{GenerateOptions, Generated, GeneratedAsset, generate};
use testkit::{rebuild, stored};

use crate::{Outcome, list};

/// A kind of file.
struct Kind {
    name: &'static str,
    tune: fn(&mut Plan, &mut Chance),
}

/// What a file holds and how it is written.
struct Plan {
    generate: GenerateOptions,
    /// Grants of one entitlement on top of the generated ones.
    fan_out: usize,
    asset_len: usize,
    finished: bool,
    sync_type: SyncType,
    token: &'static str,
    sessions: usize,
    /// Invariants, graph blob, `supports_diff`.
    sidecars: bool,
    build: BuildOptions,
    encoding: PayloadEncoding,
}

const KINDS: [Kind; 12] = [
    kind("small", |_, _| {}),
    kind("no-records", |plan, _| plan.generate.resource_types = 0),
    kind("odd-ids", |plan, _| plan.generate.odd_ids_percent = 90),
    kind("plain", |plan, _| {
        (plan.generate.odd_ids_percent, plan.fan_out) = (0, 40);
    }),
    kind("fan-out", |plan, chance| {
        plan.fan_out = 600 << chance.below(4);
    }),
    kind("no-digests", |plan, _| plan.build.digests = Digests::Never),
    kind("assets", |plan, chance| {
        plan.asset_len = 1 + chance.below(400_000);
    }),
    kind("sessions", |plan, _| plan.sessions = 25),
    kind("sidecars", |plan, _| {
        plan.sidecars = true;
        plan.token = r#"{"step_durations_ms":{"a":1},"session_store_stats":{"get":{"count":3}}}"#;
    }),
    kind("types", |plan, chance| {
        let types = [SyncType::Partial, SyncType::ResourcesOnly];
        plan.sync_type = chance.pick(&types).cloned().unwrap_or(SyncType::Full);
    }),
    kind("many-tables", |plan, chance| {
        plan.build.table_bytes = 1 << (10 + chance.below(4));
        plan.build.memory_bytes = 0;
        plan.fan_out = 900;
    }),
    kind("unfinished", |plan, chance| {
        plan.finished = false;
        plan.token = r#"{"current_action":{"operation":"list-grants","page_token":"p-42"}}"#;
        plan.sessions = chance.below(5);
    }),
];

const fn kind(name: &'static str, tune: fn(&mut Plan, &mut Chance)) -> Kind {
    Kind { name, tune }
}

/// Makes `count` files of each kind, the first from `seed`.
pub(crate) fn make(out: &Path, count: u64, seed: u64) -> Outcome<String> {
    std::fs::create_dir_all(out)?;
    let (mut made, mut total) = (0, 0);
    for seed in seed..seed + count {
        for kind in &KINDS {
            let path = out.join(format!("{}-{seed}.c1z", kind.name));
            build(kind, seed, &path)
                .map_err(|e| format!("kind=`{}` seed=`{seed}`: {e}", kind.name))?;
            let (_, rows) = rebuild::read_v3(&OsFs, &path)?;
            list::save(&path.with_extension("kv.ndjson.gz"), &rows)?;
            (made, total) = (made + 1, total + rows.len());
        }
    }
    let last = seed + count - 1;
    Ok(format!(
        "{made} v3 files of {} kinds, seeds {seed} to {last}: {total} rows",
        KINDS.len()
    ))
}

fn build(kind: &Kind, seed: u64, path: &Path) -> Outcome<()> {
    let mut chance = Chance::seeded(seed ^ (kind.name.len() as u64) << 32);
    let encodings = [
        PayloadEncoding::IndexedZstd,
        PayloadEncoding::Tar,
        PayloadEncoding::TarZstd,
    ];
    let mut plan = Plan {
        generate: GenerateOptions::small(chance.number()),
        fan_out: 0,
        asset_len: 0,
        finished: true,
        sync_type: SyncType::Full,
        token: "",
        sessions: 0,
        sidecars: false,
        build: BuildOptions::default(),
        encoding: chance
            .pick(&encodings)
            .copied()
            .unwrap_or(PayloadEncoding::IndexedZstd),
    };
    (kind.tune)(&mut plan, &mut chance);
    let started = started_at(plan.finished)?;
    let random = chance.bytes(16);
    let id = Ksuid::new(
        started.seconds.unsigned_abs(),
        *random.first_chunk().ok_or("16 bytes")?,
    )?;
    let run = run_of(&plan, SyncId::new(id.to_string())?, started);
    let mut made = generate(&plan.generate);
    fan_out(&mut made, plan.fan_out);
    name_expandable(&mut made);
    if plan.asset_len > 0 {
        let data = chance.bytes(plan.asset_len);
        let (id, content_type) = ("large".to_owned(), "application/octet-stream".to_owned());
        made.assets.push(GeneratedAsset {
            id,
            content_type,
            data,
        });
    }
    let records = stored::records(&made, run.id.as_str(), started)?;
    let mut pack = PackOptions::default();
    pack.write.encoding = plan.encoding;
    let mut builder = V3Builder::new(path, &plan.build, &pack, plan.finished)?;
    for (kind, value) in &records {
        builder.sync().put_value(*kind, value)?;
    }
    for n in 0..plan.sessions {
        let (key, value) = (format!("prefix/key-{n}"), chance.bytes(n));
        builder.sync().put_session(&SessionView {
            sync_id: run.id.as_str(),
            key: &key,
            value: &value,
        })?;
    }
    if plan.sidecars {
        builder.sync().put_other(
            &MetadataKey::EntitlementGraph.to_vec(),
            br#"{"format_version":1}"#,
        )?;
    }
    builder.finish(Some(RunToWrite {
        run: &run,
        stored: None,
    }))?;
    Ok(())
}

/// A fixed moment for finished syncs; unfinished ones are abandoned when they are a week old.
fn started_at(finished: bool) -> Outcome<Timestamp> {
    let seconds = if finished {
        1_760_000_000
    } else {
        i64::try_from(OsClock.now().duration_since(UNIX_EPOCH)?.as_secs())?
    };
    Ok(Timestamp {
        seconds,
        nanos: 123_456_789,
    })
}

fn run_of(plan: &Plan, id: SyncId, started: Timestamp) -> SyncRun {
    let mut run = SyncRun::started(id, plan.sync_type.clone(), String::new(), started);
    plan.token.clone_into(&mut run.token);
    run.ended_at = plan.finished.then_some(Timestamp {
        seconds: started.seconds + 60,
        nanos: 5,
    });
    if plan.sidecars {
        run.supports_diff = true;
        run.verification = Verification {
            generation: "1".to_owned(),
            coverage: ["I5", "I10", "I4"].map(str::to_owned).to_vec(),
            mode: "connector".to_owned(),
        };
    }
    run
}

/// Gives grants that expand an id: where none is stored Go tells expansions without one, and we build
/// it.
pub(crate) fn name_expandable(made: &mut Generated) {
    for (n, grant) in made.grants.iter_mut().enumerate() {
        if grant.id.is_empty() && !grant.annotations.is_empty() {
            grant.id = format!("expandable-{n}");
        }
    }
}

/// Grants of the first entitlement to principals that are not stored.
pub(crate) fn fan_out(made: &mut Generated, grants: usize) {
    let Some(entitlement) = made.entitlements.first().cloned() else {
        return;
    };
    for n in 0..grants {
        let id = v2::ResourceId {
            resource_type: "fan".to_owned(),
            resource: format!("{n:06}"),
            ..Default::default()
        };
        let principal = v2::Resource {
            id: MessageField::some(id),
            ..Default::default()
        };
        made.grants.push(v2::Grant {
            entitlement: MessageField::some(entitlement.clone()),
            principal: MessageField::some(principal),
            id: format!("{}:fan:{n:06}", entitlement.id),
            ..Default::default()
        });
    }
}
