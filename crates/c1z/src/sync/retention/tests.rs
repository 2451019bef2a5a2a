//! The decision against the specification, written out step by step: random histories, every one from a printed seed.
//! `C1Z_SEEDS=N` runs N histories instead of 20,000, `C1Z_SEED=S` begins with S.

use shingle::vfs::{Entropy, SeededEntropy};

use super::*;

/// `store-contract` §2.7, steps 1 to 5, one after the other.
fn reference(runs: &[SyncRun], current: Option<&SyncId>, keep: usize) -> Vec<String> {
    let mut candidates = Vec::new();
    for run in runs {
        if run.ended_at.is_some() && current.is_none_or(|current| *current != run.id) {
            candidates.push(run.clone());
        }
    }
    let mut limit = keep;
    if current.is_some() && limit > 0 {
        limit -= 1;
    }
    let (mut p, mut d, mut f) = (Vec::new(), Vec::new(), Vec::new());
    for run in candidates {
        match run.sync_type.as_str() {
            "partial" | "resources_only" => p.push(run),
            "partial_upserts" | "partial_deletions" => d.push(run),
            _ => f.push(run),
        }
    }
    let mut gone = Vec::new();
    if f.len() > limit {
        let o = f.len() - limit;
        for run in &f[..o] {
            gone.push(run.id.to_string());
        }
        let at = if current.is_some() { o - 1 } else { o };
        if let Some(started) = f.get(at).and_then(|run| run.started_at) {
            for run in &p {
                if run.ended_at.unwrap() < started {
                    gone.push(run.id.to_string());
                }
            }
        }
    }
    if d.len() > 2 {
        let last = d.pop().unwrap();
        for run in d {
            if run.id.as_str() != last.linked_id {
                gone.push(run.id.to_string());
            }
        }
    }
    gone
}

struct Draw(SeededEntropy);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes).unwrap();
        u64::from_le_bytes(bytes) % end
    }
}

/// Syncs that start, end, overlap, are abandoned, and link to each other, on a clock that steps back at times.
fn history(seed: u64) -> (Vec<SyncRun>, Option<SyncId>, usize) {
    let mut draw = Draw(SeededEntropy::new(seed));
    let mut now = 1_000_000_i64;
    let mut runs: Vec<SyncRun> = Vec::new();
    for number in 0..draw.below(14) {
        let at = |seconds| Timestamp { seconds, nanos: 0 };
        now += i64::try_from(draw.below(40)).unwrap() - 5;
        let of = match draw.below(8) {
            0 | 1 => SyncType::Partial,
            2 => SyncType::ResourcesOnly,
            3 => SyncType::PartialUpserts,
            4 => SyncType::PartialDeletions,
            5 if draw.below(3) == 0 => SyncType::Other("weekly".to_owned()),
            _ => SyncType::Full,
        };
        let id = SyncId::from_stored(format!("s{number:02}"));
        let mut run = SyncRun::started(id, of, String::new(), at(now));
        if draw.below(20) == 0 {
            run.started_at = None;
        }
        if draw.below(6) > 0 {
            run.ended_at = Some(at(now + i64::try_from(draw.below(60)).unwrap()));
        }
        if draw.below(2) == 0 && !runs.is_empty() {
            let partner = usize::try_from(draw.below(runs.len() as u64)).unwrap();
            run.linked_id = runs[partner].id.to_string();
        }
        runs.push(run);
    }
    let current = (draw.below(3) == 0 && !runs.is_empty()).then(|| {
        let index = usize::try_from(draw.below(runs.len() as u64)).unwrap();
        runs[index].id.clone()
    });
    let keep = usize::try_from(draw.below(5)).unwrap();
    (runs, current, keep)
}

fn number(variable: &str, otherwise: u64) -> u64 {
    let text = std::env::var(variable).ok();
    text.map_or(otherwise, |text| text.parse().unwrap())
}

#[test]
fn random_histories_are_judged_as_the_specification_says() {
    let (first, count) = (number("C1Z_SEED", 1), number("C1Z_SEEDS", 20_000));
    let (mut deleted, mut kept, mut whys) = (0, 0, [0_u64; 3]);
    for seed in first..first + count {
        let (runs, current, keep) = history(seed);
        let found = expired(&runs, current.as_ref(), keep);
        let mut ids: Vec<String> = found.iter().map(|gone| gone.id.to_string()).collect();
        assert!(ids.is_sorted(), "seed {seed}: {ids:?}");
        let mut wanted = reference(&runs, current.as_ref(), keep);
        wanted.sort();
        ids.sort();
        assert_eq!(
            ids, wanted,
            "C1Z_SEED={seed} C1Z_SEEDS=1\n{runs:#?} {current:?} {keep}"
        );
        for gone in &found {
            whys[gone.why as usize] += 1;
            let run = runs.iter().find(|run| run.id == gone.id).unwrap();
            assert!(run.is_finished(), "seed {seed}");
        }
        deleted += found.len();
        kept += runs.len() - found.len();
    }
    println!("{count} histories from seed {first}: {deleted} deleted {whys:?}, {kept} kept");
    assert!(
        count < 1_000 || whys.iter().all(|why| *why > count / 20),
        "{whys:?}"
    );
}

#[test]
fn variables_are_read_as_the_reference_reads_them() {
    let truths = ["1", "t", "T", "true", "TRUE", "True"];
    assert!(truths.into_iter().all(is_true));
    assert!(
        !["", "0", "yes", "tRUE", " 1", "on"]
            .into_iter()
            .any(is_true)
    );
    assert_eq!(keep_of("3"), Some(3));
    for text in ["", "0", "-1", "x", "2.0", " 2"] {
        assert_eq!(keep_of(text), None, "{text}");
    }
}
