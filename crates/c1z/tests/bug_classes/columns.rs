//! Columns of v1 files are found by their names, wherever they stand and whatever stands beside them.

use std::sync::Arc;

use c1z::engine::{Scope, types::SyncId};
use c1z::envelope::write_v1;
use c1z::sqlite_file::Value;
use c1z::sqlite_file::writer::{Image, WriteOptions, Writer};
use c1z::{OpenOptions, open_with};
use c1z_proto::connector::v2;
use shingle::vfs::{Fs, MemFs};
use std::path::Path;

/// Today's columns in another order, among others with names that a statement would trip over.
const TYPES: &str = "CREATE TABLE v1_resource_types (\"sync_id'); DROP TABLE v1_grants; --\" text, \
    discovered_at datetime not null, [data--] blob, sync_id text not null, \"id\" integer primary key, \
    `EXTERNAL_ID` text not null, \"a\"\"b\" text default 'x', data blob not null)";
const RUNS: &str = "CREATE TABLE v1_sync_runs (sync_token text not null, ended_at datetime, \
    id integer primary key, \"sync id\" text, started_at datetime not null, sync_id text not null)";

#[test]
fn columns_are_found_by_name_in_any_order_among_hostile_ones() {
    let fs = MemFs::new();
    let body = fs.create(Path::new("pages")).unwrap();
    let mut writer = Writer::new(body, &[TYPES, RUNS], WriteOptions::default()).unwrap();
    let message = v2::ResourceType {
        id: "user".into(),
        display_name: "User".into(),
        ..Default::default()
    };
    let data = c1z_proto::encode_canonical(&message);
    let id = "2qVyMyUb4B6tF8S1zv0KqZ3xQ1w";
    let (at, wrong) = (Value::text("2026-01-02 03:04:05"), Value::text("wrong"));
    let mut types = writer.table("v1_resource_types").unwrap();
    let row = [
        wrong.clone(),
        at.clone(),
        Value::blob(b"wrong"),
        Value::text(id),
        Value::Null,
        Value::text("user"),
        wrong.clone(),
        Value::blob(&data),
    ];
    types.push(7, &row).unwrap();
    types.finish().unwrap();
    let mut runs = writer.table("v1_sync_runs").unwrap();
    let row = [
        Value::text("token"),
        at.clone(),
        Value::Null,
        wrong,
        at,
        Value::text(id),
    ];
    runs.push(3, &row).unwrap();
    runs.finish().unwrap();
    let written = writer.finish().unwrap();
    drop(written.body);
    let image = Image::new(written.first_page, fs.open(Path::new("pages")).unwrap());
    let mut bytes = Vec::new();
    write_v1(&image, 1, &mut bytes).unwrap();
    fs.create(Path::new("in.c1z"))
        .unwrap()
        .write_all(&bytes)
        .unwrap();

    let options = OpenOptions {
        fs: Arc::new(fs),
        ..OpenOptions::default()
    };
    let store = open_with("in.c1z", &options).unwrap();
    let scope = Scope::Sync(SyncId::new(id).unwrap());
    let found = store.reader().get_resource_type(&scope, "user").unwrap();
    assert_eq!(found, message);
}
