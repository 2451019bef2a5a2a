//! Times the reads of a v3 file: `cargo run --release -p c1z --example bench_read -- FILE...` (`just bench-read FOLDER`).
//!
//! Phases and their sizes are those of `c1zcheck bench-read` in `interop/`, which times the Go SDK on the same file.
#![expect(clippy::print_stdout, reason = "the figures are the point of the run")]

use std::time::Duration;

use c1z::Store;
use c1z::engine::types::{EntitlementRef, ResourceRef};
use c1z::engine::{EntitlementFilter, GrantFilter, PageRequest, ResourceFilter, Scope};
use shingle::vfs::{Clock, OsClock};

fn main() -> c1z::Result<()> {
    for path in std::env::args().skip(1) {
        bench(&path)?;
    }
    Ok(())
}

/// Runs a phase and prints how long it took.
fn phase<T>(name: &str, run: impl FnOnce() -> c1z::Result<(u64, T)>) -> c1z::Result<T> {
    let start = OsClock.monotonic();
    let (rows, result) = run()?;
    let took: Duration = OsClock.monotonic().saturating_sub(start);
    let seconds = took.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = rows as f64 / seconds;
    println!("{name:<32} {seconds:>9.4} s {rows:>9} rows {rate:>12.0} rows/s");
    Ok(result)
}

fn bench(path: &str) -> c1z::Result<()> {
    println!("{path}");
    let store = phase("open", || Ok((1, c1z::open(path)?)))?;
    phase("stats", || Ok((1, store.reader().stats(None, None)?)))?;
    phase("list all grants, decoded", || {
        Ok((stream(&store, &GrantFilter::default())?, ()))
    })?;
    phase("list all grants, again", || {
        Ok((stream(&store, &GrantFilter::default())?, ()))
    })?;

    let principals = sample(
        store
            .reader()
            .stream_resources(
                &Scope::Default,
                &ResourceFilter {
                    resource_type: "user".to_owned(),
                    parent: None,
                },
            )?
            .map(|row| row.map(|row| row.id.resource.clone())),
        1_000,
    )?;
    phase("by principal, 1,000 lists", || {
        let mut rows = 0;
        for id in &principals {
            let principal = Some(ResourceRef::new("user", id));
            rows += stream(
                &store,
                &GrantFilter {
                    principal,
                    ..GrantFilter::default()
                },
            )?;
        }
        Ok((rows, ()))
    })?;

    let entitlements = sample(
        store
            .reader()
            .stream_entitlements(&Scope::Default, &EntitlementFilter::default())?
            .map(|row| row.map(|row| row.id)),
        100,
    )?;
    phase("by entitlement, 100 lists", || {
        let mut rows = 0;
        for id in &entitlements {
            let entitlement = Some(EntitlementRef::bare(id));
            rows += stream(
                &store,
                &GrantFilter {
                    entitlement,
                    ..GrantFilter::default()
                },
            )?;
        }
        Ok((rows, ()))
    })?;

    let grants = sample(
        store
            .reader()
            .stream_grants(&Scope::Default, &GrantFilter::default())?
            .map(|row| row.map(|row| row.grant.id)),
        1_000,
    )?;
    phase("get grant by id, 1,000 times", || {
        for id in &grants {
            store.reader().get_grant(&Scope::Default, id)?;
        }
        Ok((grants.len() as u64, ()))
    })?;
    phase("open and first principal page", || {
        first_page(path, &principals)
    })?;
    println!(
        "{:?}\n",
        store.database().map(shingle::db::Database::counters)
    );
    Ok(())
}

fn stream(store: &Store, filter: &GrantFilter) -> c1z::Result<u64> {
    let mut rows = 0;
    for row in store.reader().stream_grants(&Scope::Default, filter)? {
        row?;
        rows += 1;
    }
    Ok(rows)
}

fn first_page(path: &str, principals: &[String]) -> c1z::Result<(u64, ())> {
    let store = c1z::open(path)?;
    let principal = principals.first().map(|id| ResourceRef::new("user", id));
    let filter = GrantFilter {
        principal,
        ..GrantFilter::default()
    };
    let page = store
        .reader()
        .list_grants(&Scope::Default, &filter, &PageRequest::default())?;
    Ok((page.rows.len() as u64, ()))
}

/// About `count` items, evenly spread.
fn sample(
    items: impl Iterator<Item = c1z::Result<String>>,
    count: usize,
) -> c1z::Result<Vec<String>> {
    let all = items.collect::<c1z::Result<Vec<_>>>()?;
    let step = (all.len() / count).max(1);
    Ok(all.into_iter().step_by(step).take(count).collect())
}
