//! What the file systems promise: the memory file system behaves as the operating system's does, a
//! crash keeps exactly what was synced, and a fault plan breaks exactly what it names.

use super::*;
use std::collections::BTreeSet;

fn write(fs: &dyn Fs, path: &str, bytes: &[u8]) -> Box<dyn WriteFile> {
    let mut file = fs.create(Path::new(path)).unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn content(fs: &dyn Fs, path: &str) -> Option<Vec<u8>> {
    let file = fs.open(Path::new(path)).ok()?;
    let mut bytes = vec![0; usize::try_from(file.len()).unwrap()];
    file.read_exact_at(0, &mut bytes).unwrap();
    Some(bytes)
}

/// The same walk over any file system; returns what it saw.
fn walk(fs: &dyn Fs, root: &str) -> Vec<String> {
    let mut seen = Vec::new();
    let path = |name: &str| Path::new(root).join(name);
    let mut note = |what: &str, result: io::Result<String>| {
        let result = result.map_err(|e| e.kind());
        seen.push(format!("{what}: {result:?}"));
    };
    let text = |name: &str| {
        content(fs, path(name).to_str().unwrap())
            .map(|b| String::from_utf8(b).unwrap())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    };
    fs.create_dir_all(&path("d/e")).unwrap();
    note(
        "mkdir twice",
        fs.create_dir_all(&path("d/e")).map(|()| String::new()),
    );
    write(fs, path("a").to_str().unwrap(), b"one")
        .sync()
        .unwrap();
    note("read", text("a"));
    note(
        "create_new",
        fs.create_new(&path("a")).map(|_| String::new()),
    );
    fs.hard_link(&path("a"), &path("d/b")).unwrap();
    note(
        "link twice",
        fs.hard_link(&path("a"), &path("d/b"))
            .map(|()| String::new()),
    );
    note("linked", text("d/b"));
    drop(write(fs, path("a").to_str().unwrap(), b"two!"));
    note("truncated under both names", text("d/b"));
    fs.rename(&path("a"), &path("d/e/c")).unwrap();
    note("renamed", text("d/e/c"));
    note("gone", fs.open(&path("a")).map(|_| String::new()));
    note(
        "rename of nothing",
        fs.rename(&path("a"), &path("x")).map(|()| String::new()),
    );
    note("list", fs.list(&path("d")).map(|names| names.join(",")));
    note(
        "list a file",
        fs.list(&path("d/b")).map(|names| names.join(",")),
    );
    note(
        "open a directory",
        fs.open(&path("d")).map(|_| String::new()),
    );
    note("metadata", fs.metadata(&path("d/b")).map(without_time));
    note(
        "metadata of a directory",
        fs.metadata(&path("d")).map(without_time),
    );
    note(
        "remove",
        fs.remove_file(&path("d/b")).map(|()| String::new()),
    );
    note(
        "remove twice",
        fs.remove_file(&path("d/b")).map(|()| String::new()),
    );
    let held = fs.lock(&path("LOCK")).unwrap();
    note("lock twice", fs.lock(&path("LOCK")).map(|_| String::new()));
    drop(held);
    note("lock again", fs.lock(&path("LOCK")).map(|_| String::new()));
    note("sync_dir", fs.sync_dir(&path("d")).map(|()| String::new()));
    fs.remove_dir_all(&path("d")).unwrap();
    note(
        "list what is left",
        fs.list(Path::new(root)).map(|names| names.join(",")),
    );
    seen
}

/// Memory has no times.
fn without_time(found: Metadata) -> String {
    format!("{} bytes, directory: {}", found.len, found.is_dir)
}

#[test]
fn memory_behaves_as_the_operating_system() {
    let dir = tempfile::tempdir().unwrap();
    let real = walk(&OsFs, dir.path().to_str().unwrap());
    let fs = MemFs::new();
    fs.create_dir_all(Path::new("/root")).unwrap();
    assert_eq!(walk(&fs, "/root"), real);
    let through = FaultFs::new(Arc::new(CountingFs::new(Arc::new(fs))), FaultPlan::none());
    assert_eq!(walk(&through, "/root"), real);
}

#[test]
fn a_crash_keeps_what_was_synced() {
    let fs = MemFs::new();
    fs.create_dir_all(Path::new("db")).unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    let mut synced = write(&fs, "db/synced", b"abc");
    synced.sync().unwrap();
    synced.write_all(b"def").unwrap();
    let _unsynced = write(&fs, "db/unsynced", b"abc");
    let _nameless = write(&fs, "db/renamed.tmp", b"x").sync();
    fs.sync_dir(Path::new("db")).unwrap();
    write(&fs, "db/late", b"abc").sync().unwrap();
    fs.rename(Path::new("db/renamed.tmp"), Path::new("db/renamed"))
        .unwrap();
    fs.create_dir_all(Path::new("other")).unwrap();

    let crashed = fs.crash_clone();
    assert_eq!(crashed.list(Path::new("/")).unwrap(), ["db"]);
    assert_eq!(
        crashed.list(Path::new("db")).unwrap(),
        ["renamed.tmp", "synced", "unsynced"]
    );
    assert_eq!(crashed.read("db/synced").unwrap(), b"abc");
    assert_eq!(crashed.read("db/unsynced").unwrap(), b"");
    assert_eq!(
        fs.read("db/synced").unwrap(),
        b"abcdef",
        "the original goes on"
    );
}

#[test]
fn an_unsynced_truncation_may_come_back() {
    let fs = MemFs::new();
    fs.install("f", *b"old content").unwrap();
    let mut file = write(&fs, "f", b"new");
    assert_eq!(fs.crash_clone().read("f").unwrap(), b"old content");
    file.sync().unwrap();
    assert_eq!(fs.crash_clone().read("f").unwrap(), b"new");
}

#[test]
fn partial_crashes_lie_between_and_follow_the_order_of_changes() {
    let fs = MemFs::new();
    let mut file = write(&fs, "f", b"ab");
    file.sync().unwrap();
    fs.sync_dir(Path::new("")).unwrap();
    file.write_all(b"cdef").unwrap();
    for name in ["1", "2", "3"] {
        write(&fs, name, b"").sync().unwrap();
    }
    let mut states = BTreeSet::new();
    for seed in 0..200 {
        let crashed = fs.crash_clone_partial(seed);
        let names = crashed.list(Path::new("")).unwrap().join("");
        assert!(["f", "1f", "12f", "123f"].contains(&&*names), "{names}");
        let bytes = crashed.read("f").unwrap();
        assert!(bytes.len() >= 2 && b"abcdef".starts_with(&bytes));
        states.insert((names, bytes));
        assert_eq!(
            crashed.list(Path::new("")).unwrap(),
            fs.crash_clone_partial(seed).list(Path::new("")).unwrap()
        );
    }
    assert_eq!(states.len(), 4 * 5, "every state is reached");
}

#[test]
fn what_was_synced_does_not_come_back() {
    let fs = MemFs::new();
    drop(write(&fs, "gone", b""));
    fs.sync_dir(Path::new("")).unwrap();
    fs.remove_file(Path::new("gone")).unwrap();
    fs.sync_dir(Path::new("")).unwrap();
    for seed in 0..20 {
        let crashed = fs.crash_clone_partial(seed);
        assert!(crashed.list(Path::new("")).unwrap().is_empty());
    }
}

#[test]
fn faults_strike_where_the_plan_says() {
    let mem = MemFs::new();
    let fs = FaultFs::new(Arc::new(mem.clone()), FaultPlan::none());
    let arm = |plan: &str| fs.arm(FaultPlan::parse(plan).unwrap());

    arm("short write 1 *.log =enospc");
    let mut log = fs.create(Path::new("1.log")).unwrap();
    log.write_all(b"abcd").unwrap();
    let error = log.write_all(b"efgh").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(error.to_string().contains("short write 1 *.log"), "{error}");
    log.write_all(b"ij").unwrap();
    assert_eq!(mem.read("1.log").unwrap(), b"abcdefij");
    assert_eq!((fs.operations(Op::Write), fs.faults()), (3, 1));

    arm("flip:10 read 0; short read 1; fail read 2..");
    let file = fs.open(Path::new("1.log")).unwrap();
    let mut buf = [0; 4];
    assert_eq!(file.read_at(0, &mut buf).unwrap(), 4);
    assert_eq!(&buf, b"afcd");
    assert_eq!(file.read_at(0, &mut buf).unwrap(), 2);
    assert!(file.read_at(0, &mut buf).is_err());
    assert!(file.read_at(0, &mut buf).is_err(), "dead from there");

    arm("flip:10 write 0");
    let mut flipped = fs.create(Path::new("3.log")).unwrap();
    flipped.write_all(b"abcd").unwrap();
    assert_eq!(mem.read("3.log").unwrap(), b"afcd");
    fs.remove_file(Path::new("3.log")).unwrap();

    arm("torn rename 0");
    write(&mem, "2.log", b"old");
    assert!(fs.rename(Path::new("1.log"), Path::new("2.log")).is_err());
    assert_eq!(mem.list(Path::new("")).unwrap(), ["1.log"]);
    fs.rename(Path::new("1.log"), Path::new("2.log")).unwrap();

    arm("fail any 1..");
    fs.list(Path::new("")).unwrap();
    assert!(fs.list(Path::new("")).is_err());
    assert!(fs.metadata(Path::new("2.log")).is_err());
    assert_eq!((fs.operations_total(), fs.faults()), (3, 2));
}

#[test]
fn counters_count() {
    let fs = CountingFs::new(Arc::new(MemFs::new()));
    write(&fs, "f", b"abcdef").sync().unwrap();
    let file = fs.open(Path::new("f")).unwrap();
    file.read_at(4, &mut [0; 10]).unwrap();
    let expected = IoCounts {
        opens: 1,
        reads: 1,
        read_bytes: 2,
        writes: 1,
        write_bytes: 6,
        syncs: 1,
        names: 1,
    };
    assert_eq!(fs.counts(), expected);
    assert_eq!(fs.reset(), expected);
    assert_eq!(fs.counts(), IoCounts::default());
}

#[test]
fn manual_clock_moves_when_told() {
    let clock = ManualClock::new(Duration::from_secs(100));
    assert_eq!(clock.monotonic(), Duration::ZERO);
    clock.advance(Duration::from_secs(5));
    clock.set(Duration::from_secs(7));
    let wall = clock.now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(wall, Duration::from_secs(7));
    assert_eq!(clock.monotonic(), Duration::from_secs(5));
}

#[test]
fn seeded_entropy_repeats() {
    let draw = |seed| {
        let mut bytes = [0; 21];
        SeededEntropy::new(seed).fill(&mut bytes).unwrap();
        bytes
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}
