//! Assets (`store-contract` §6.1, D13).

use std::io::{Read as _, Seek as _, SeekFrom};

use c1z::ErrorKind;
use c1z::engine::reader::AssetInfo;
use c1z::engine::types::SyncType;
use c1z::engine::writer::ASSET_LEN_MAX;
use c1z::engine::{PageRequest, Scope};

use crate::harness::{Bench, on_all, on_many, refused};

fn put(bench: &Bench, id: &str, of: &str, mut data: &[u8]) -> c1z::Result<()> {
    bench.engine().put_asset(id, of, &mut data)
}

fn listed(bench: &Bench) -> Vec<AssetInfo> {
    let page = bench
        .engine()
        .list_assets(&Scope::Default, &PageRequest::default());
    page.unwrap().rows
}

#[test]
fn type_and_bytes_come_back_and_are_replaced_together() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        put(bench, "icon", "image/png", b"first bytes").unwrap();
        put(bench, "icon", "image/gif", b"second").unwrap();
        let mut asset = bench.engine().get_asset(&Scope::Default, "icon").unwrap();
        let mut data = Vec::new();
        asset.data.read_to_end(&mut data).unwrap();
        assert_eq!(
            (asset.content_type.as_str(), asset.len, data.as_slice()),
            ("image/gif", 6, &b"second"[..])
        );
        assert_eq!(listed(bench).len(), 1);
    });
}

#[test]
fn empty_ids_are_refused_and_empty_data_is_not_stored() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        assert_eq!(
            refused(put(bench, "", "t", b"x")),
            ErrorKind::InvalidArgument
        );
        put(bench, "kept", "t", b"x").unwrap();
        put(bench, "kept", "other", b"").unwrap();
        put(bench, "nothing", "t", b"").unwrap();
        put(bench, "untyped", "", b"yz").unwrap();
        let expected = [("kept", "t", 1), ("untyped", "unknown", 2)];
        let expected: Vec<AssetInfo> = expected
            .map(|(id, of, len)| AssetInfo {
                id: id.to_owned(),
                content_type: of.to_owned(),
                len,
            })
            .into();
        let mut found = listed(bench);
        found.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(found, expected);
        let missing = bench.engine().get_asset(&Scope::Default, "nothing");
        assert_eq!(refused(missing), ErrorKind::NotFound);
    });
}

#[test]
fn a_reader_is_independent_of_later_writes_and_of_other_readers() {
    on_all(|bench| {
        let sync = bench.start(&SyncType::Full);
        put(bench, "a", "t", b"0123456789").unwrap();
        let mut one = bench.engine().get_asset(&Scope::Default, "a").unwrap();
        let mut two = bench.engine().get_asset(&Scope::Default, "a").unwrap();
        let mut half = [0; 5];
        one.data.read_exact(&mut half).unwrap();
        put(bench, "a", "t", b"overwritten").unwrap();
        bench.engine().end_sync().unwrap();
        bench.engine().delete_sync_run(&sync).unwrap();
        let mut rest = String::new();
        one.data.read_to_string(&mut rest).unwrap();
        assert_eq!((&half, rest.as_str()), (b"01234", "56789"));
        two.data.seek(SeekFrom::End(-2)).unwrap();
        rest.clear();
        two.data.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "89");
    });
}

#[test]
fn the_cap_is_allowed_and_one_byte_more_is_not() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let engine = bench.engine();
        let mut over = std::io::repeat(7).take(ASSET_LEN_MAX + 1);
        assert_eq!(
            refused(engine.put_asset("big", "t", &mut over)),
            ErrorKind::ResourceExhausted
        );
        assert_eq!(listed(bench), []);
        let mut full = std::io::repeat(7).take(ASSET_LEN_MAX);
        engine.put_asset("big", "t", &mut full).unwrap();
        assert_eq!(listed(bench)[0].len, ASSET_LEN_MAX);
    });
}

#[test]
fn a_source_that_fails_stores_nothing() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("broken"))
        }
    }
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let mut source = b"some".chain(Broken);
        assert_eq!(
            refused(bench.engine().put_asset("a", "t", &mut source)),
            ErrorKind::Io
        );
        assert_eq!(listed(bench), []);
    });
}

#[test]
fn assets_are_read_from_the_resolved_sync() {
    on_many(|bench| {
        let old = bench.start(&SyncType::Full);
        put(bench, "a", "old", b"x").unwrap();
        bench.engine().end_sync().unwrap();
        bench.finished(&SyncType::Full, "new");
        let missing = bench.engine().get_asset(&Scope::Default, "a");
        assert_eq!(refused(missing), ErrorKind::NotFound);
        let found = bench
            .engine()
            .get_asset(&Scope::Sync(old.clone()), "a")
            .unwrap();
        assert_eq!(found.content_type, "old");
        bench.engine().view_sync(Some(&old)).unwrap();
        bench.engine().get_asset(&Scope::Default, "a").unwrap();
        assert_eq!(
            refused(bench.engine().get_asset(&Scope::Default, "b")),
            ErrorKind::NotFound
        );
    });
}
