//! Assets of a store on disk: they bypass log and buffer, reading one touches its blocks alone, and damage in them is
//! found.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that meets unexpected data must stop, and says what it measured"
)]

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use c1z::engine::types::SyncType;
use c1z::engine::{PebbleOptions, PebbleStore, Reader, Scope};
use c1z::ops::build::{PackOptions, publish_store};
use c1z::{ErrorKind, OpenOptions};
use c1z_proto::connector::v2;
use shingle::vfs::{CountingFs, Fs, MemFs};
use testkit::chance::{Chance, SeededEntropy};

const DIR: &str = "store";
const MIB: usize = 1 << 20;

/// Bytes that no codec makes shorter.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut chance = Chance::seeded(seed);
    let words = std::iter::repeat_with(|| chance.number().to_le_bytes());
    words.flatten().take(len).collect()
}

fn options() -> PebbleOptions {
    PebbleOptions {
        asset_len_max: 9 * MIB as u64,
        memory_bytes_max: 4 * MIB as u64,
        ..PebbleOptions::default()
    }
}

fn create(fs: &MemFs) -> PebbleStore {
    let store = PebbleStore::create_in(Arc::new(fs.clone()), DIR, options()).unwrap();
    store.engine().start_new_sync(&SyncType::Full, "").unwrap();
    store
}

fn read(reader: &dyn Reader, id: &str) -> c1z::Result<Vec<u8>> {
    let mut asset = reader.get_asset(&Scope::Default, id)?;
    let mut data = Vec::new();
    asset.data.read_to_end(&mut data).unwrap();
    assert_eq!(asset.len, data.len() as u64);
    Ok(data)
}

fn publish(fs: &MemFs, store: &PebbleStore, output: &str) {
    let pack = PackOptions {
        fs: Arc::new(fs.clone()),
        entropy: Arc::new(SeededEntropy::seeded(1)),
        ..PackOptions::default()
    };
    publish_store(store, Path::new(output), &pack).unwrap();
}

fn open_on(fs: &Arc<dyn Fs>, path: &str) -> c1z::Store {
    let options = OpenOptions {
        fs: Arc::clone(fs),
        ..OpenOptions::default()
    };
    c1z::open_with(path, &options).unwrap()
}

fn temporary_files(fs: &MemFs) -> usize {
    let names = fs.list(Path::new(DIR)).unwrap();
    names.iter().filter(|name| name.ends_with("dbtmp")).count()
}

#[test]
fn up_to_the_cap_they_are_stored_and_one_byte_more_is_refused() {
    let fs = MemFs::new();
    let store = create(&fs);
    let engine = store.engine();
    let cap = 9 * MIB;
    for (id, len) in [
        ("under", cap - 1),
        ("at", cap),
        ("small", MIB),
        ("edge", MIB + 1),
    ] {
        engine
            .put_asset(id, "t", &mut &noise(len, len as u64)[..])
            .unwrap();
        assert!(read(engine, id).unwrap() == noise(len, len as u64), "{id}");
    }
    let error = engine.put_asset("over", "t", &mut &noise(cap + 1, 1)[..]);
    assert_eq!(error.unwrap_err().kind(), ErrorKind::ResourceExhausted);
    assert_eq!(
        read(engine, "over").unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(temporary_files(&fs), 0);
    // Replaced by a large one and by a small one.
    engine
        .put_asset("small", "u", &mut &noise(2 * MIB, 7)[..])
        .unwrap();
    engine.put_asset("under", "u", &mut &b"little"[..]).unwrap();
    let check = |reader: &dyn Reader| {
        assert!(read(reader, "at").unwrap() == noise(cap, cap as u64));
        assert!(read(reader, "edge").unwrap() == noise(MIB + 1, MIB as u64 + 1));
        assert!(read(reader, "small").unwrap() == noise(2 * MIB, 7));
        assert_eq!(read(reader, "under").unwrap(), b"little");
    };
    check(engine);
    engine.checkpoint_sync("t").unwrap();
    drop(store);
    let fs = fs.crash_clone();
    let store = PebbleStore::open_in(Arc::new(fs.clone()), DIR, options()).unwrap();
    store.engine().resume_sync(None, None).unwrap();
    check(store.engine());
    store.engine().end_sync().unwrap();
    check(store.engine());
    publish(&fs, &store, "out.c1z");
    let shared: Arc<dyn Fs> = Arc::new(fs.clone());
    check(open_on(&shared, "out.c1z").reader());
    check(open_on(&shared, DIR).reader());
}

/// Fails in the middle.
struct Broken<'a>(&'a [u8]);

impl Read for Broken<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(std::io::Error::other("the source went away")),
            len => Ok(len),
        }
    }
}

#[test]
fn a_source_that_fails_leaves_nothing() {
    let fs = MemFs::new();
    let store = create(&fs);
    let engine = store.engine();
    engine
        .put_asset("a", "t", &mut &noise(2 * MIB, 1)[..])
        .unwrap();
    let data = noise(3 * MIB, 2);
    let error = engine.put_asset("a", "t", &mut Broken(&data)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert!(read(engine, "a").unwrap() == noise(2 * MIB, 1));
    assert_eq!(temporary_files(&fs), 0);
}

fn rows(count: usize) -> Vec<v2::ResourceType> {
    let row = |n: usize| v2::ResourceType {
        id: format!("type-{n:06}"),
        display_name: format!("{:?}", noise(20, n as u64)),
        ..Default::default()
    };
    (0..count).map(row).collect()
}

/// A sealed store with many rows, many assets and a large one; also published.
fn with_many_rows() -> (MemFs, Vec<u8>) {
    let fs = MemFs::new();
    let store = create(&fs);
    let engine = store.engine();
    engine.put_resource_types(&rows(20_000)).unwrap();
    for n in 0..200 {
        let id = format!("icon-{n:03}");
        engine
            .put_asset(&id, "t", &mut &noise(30_000, n)[..])
            .unwrap();
    }
    let large = noise(8 * MIB, 99);
    engine
        .put_asset("icon-130-large", "t", &mut &large[..])
        .unwrap();
    engine.end_sync().unwrap();
    publish(&fs, &store, "out.c1z");
    (fs, large)
}

#[test]
fn reading_one_touches_its_blocks_alone() {
    let (fs, large) = with_many_rows();
    // A block and what leads to it; in a file, whole frames of 1 MiB and what leads to them.
    for (path, id, len, more) in [
        (DIR, "icon-130-large", large.len(), 400 << 10),
        (DIR, "icon-117", 30_000, 400 << 10),
        ("out.c1z", "icon-130-large", large.len(), 4 * MIB),
        ("out.c1z", "icon-117", 30_000, 4 * MIB),
    ] {
        let counting = CountingFs::new(Arc::new(fs.clone()));
        let counted: Arc<dyn Fs> = Arc::new(counting.clone());
        let store = open_on(&counted, path);
        let opening = counting.counts().read_bytes;
        let data = read(store.reader(), id).unwrap();
        assert_eq!(data.len(), len);
        let total = counting.counts().read_bytes;
        println!(
            "{path} {id}: {len} bytes; {opening} bytes read to open, {} to read",
            total - opening
        );
        assert!(
            total <= (len + more) as u64,
            "{path} {id}: {total} bytes read"
        );
    }
}

#[test]
fn a_large_one_is_written_twice_and_not_to_the_log() {
    let disk = MemFs::new();
    let counting = CountingFs::new(Arc::new(disk.clone()));
    let store = PebbleStore::create_in(Arc::new(counting.clone()), DIR, options()).unwrap();
    let engine = store.engine();
    engine.start_new_sync(&SyncType::Full, "").unwrap();
    let before = counting.counts().write_bytes;
    let large = noise(8 * MIB, 1);
    engine.put_asset("a", "t", &mut &large[..]).unwrap();
    let written = counting.counts().write_bytes - before;
    println!("{} bytes: {written} written", large.len());
    // While its length is not known, and as a table.
    assert!(written <= 2 * large.len() as u64 + 16_384, "{written}");
    // Durable without a barrier.
    drop(store);
    let store = PebbleStore::open_in(Arc::new(disk.crash_clone()), DIR, options()).unwrap();
    store.engine().resume_sync(None, None).unwrap();
    assert!(read(store.engine(), "a").unwrap() == large);
}

#[test]
fn a_flipped_byte_is_data_loss() {
    let (fs, large) = with_many_rows();
    let needle = &large[5 * MIB..5 * MIB + 64];
    let mut flipped = 0;
    for name in fs.list(Path::new(DIR)).unwrap() {
        let path = Path::new(DIR).join(&name);
        let mut bytes = fs.read(&path).unwrap();
        let at = bytes.windows(needle.len()).position(|part| part == needle);
        if let Some(at) = at {
            bytes[at + 7] ^= 4;
            fs.install(&path, bytes).unwrap();
            flipped += 1;
        }
    }
    assert_eq!(flipped, 1);
    let shared: Arc<dyn Fs> = Arc::new(fs.clone());
    let store = open_on(&shared, DIR);
    let error = read(store.reader(), "icon-130-large").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DataLoss, "{error}");
    assert_eq!(
        read(store.reader(), "icon-130").unwrap(),
        noise(30_000, 130)
    );
}
