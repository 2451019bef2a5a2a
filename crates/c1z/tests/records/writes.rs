//! The writes that made a golden file, done again: the same rows must come out.
//!
//! Writes are engine-neutral and carry the connector's full messages, so this covers what the reader's
//! stubs cannot: embedded objects, dropped fields, annotations in the connector's order, rows written
//! twice and rows deleted. The time of writing is taken from the stored row.

use std::collections::BTreeMap;

use c1z::engine::Profile;
use c1z::engine::types::Timestamp;
use c1z::keyspace::{Family, Key};
use c1z::record::{
    AssetView, GrantPut, GrantView, PutExpansion, SessionView, StoredExpansion, asset,
    discovered_at, grant,
};
use c1z_proto::connector::v2::Grant;
use serde_json::Value;

use crate::golden::{Case, base64, cases};
use crate::messages::write;

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// Replays the writes of one case.
struct Replay<'c> {
    stored: &'c Rows,
    rows: Rows,
    sync_id: String,
    /// Whether the SDK's expander ran, whose grants are not in the writes.
    expanded: bool,
}

impl Replay<'_> {
    fn apply(&mut self, step: &Value) {
        match step["op"].as_str().expect("a step") {
            "put_resource_types" => self.put(step, Family::ResourceType),
            "put_resources" => self.put(step, Family::Resource),
            "put_entitlements" => self.put(step, Family::Entitlement),
            "put_grants" => self.put(step, Family::Grant),
            "store_expanded_grants" | "store_new_expanded_grants" => self.store_expanded(step),
            "put_asset" => self.put_asset(step),
            "delete_grant" => self.delete_grant(step["id"].as_str().expect("an id")),
            "session_set" => self.session_set(step),
            "session_delete" => {
                let mut key = Vec::new();
                session(step, &self.sync_id, b"").key_into(&mut key);
                self.rows.remove(&key);
            }
            "expand" => self.expanded = true,
            "start_sync" | "end_sync" | "checkpoint" | "supports_diff" | "mark_invariants"
            | "flush" | "graph_blob" => {}
            other => panic!("step {other}"),
        }
    }

    fn put(&mut self, step: &Value, family: Family) {
        for item in step["items_pb"].as_array().expect("items") {
            let (key, value) = write(family, &base64(item), |key| self.stored.get(key));
            self.rows.insert(key, value);
        }
    }

    fn store_expanded(&mut self, step: &Value) {
        for item in step["items_pb"].as_array().expect("items") {
            let source: Grant = c1z::record::message::decode("grant", &base64(item)).unwrap();
            let key = Key::Grant(grant::identity_of(&source).unwrap()).to_vec();
            let previous = self.rows.get(&key);
            let view = previous.map(|value| GrantView::parse(value).unwrap());
            let state = view
                .as_ref()
                .map_or_else(StoredExpansion::default, |view| view.stored_expansion());
            let put = GrantPut {
                profile: Profile::GoPebble,
                discovered_at: time_of(self.stored.get(&key), Family::Grant),
                expansion: PutExpansion::Keep(state),
            };
            let mut value = Vec::new();
            grant::encode_into(&source, &put, &mut value).unwrap();
            self.rows.insert(key, value);
        }
    }

    fn put_asset(&mut self, step: &Value) {
        let (id, mut key) = (step["id"].as_str().expect("an id"), Vec::new());
        asset::key_into(id, &mut key).unwrap();
        let data = data(step);
        let view = AssetView {
            sync_id: &self.sync_id,
            external_id: id,
            content_type: step["content_type"].as_str().unwrap_or_default(),
            data: &data,
            discovered_at: time_of(self.stored.get(&key), Family::Asset),
        };
        let mut value = Vec::new();
        view.encode_into(&mut value);
        assert_eq!(AssetView::parse(&value).unwrap(), view);
        self.rows.insert(key, value);
    }

    fn delete_grant(&mut self, id: &str) {
        self.rows.retain(|key, value| {
            Family::of(key) != Some(Family::Grant) || GrantView::parse(value).unwrap().id() != id
        });
    }

    fn session_set(&mut self, step: &Value) {
        let (mut key, mut value) = (Vec::new(), Vec::new());
        let data = data(step);
        let view = session(step, &self.sync_id, &data);
        view.key_into(&mut key);
        view.encode_into(&mut value);
        assert_eq!(SessionView::parse(&value).unwrap(), view);
        self.rows.insert(key, value);
    }
}

fn time_of(stored: Option<&Vec<u8>>, family: Family) -> Option<Timestamp> {
    stored.and_then(|value| discovered_at(family, value).unwrap())
}

fn data(step: &Value) -> Vec<u8> {
    match &step["data_b64"] {
        Value::Null => Vec::new(),
        data => base64(data),
    }
}

fn session<'a>(step: &'a Value, sync_id: &'a str, value: &'a [u8]) -> SessionView<'a> {
    let part = |name: &str| step[name].as_str().unwrap_or_default().to_owned();
    let key = String::leak(part("prefix") + &part("id"));
    SessionView {
        sync_id,
        key,
        value,
    }
}

/// Whether a row is one that writes decide.
fn is_written(key: &[u8]) -> bool {
    Family::of(key).is_some_and(|family| family.is_primary() || family == Family::Session)
}

/// Rows compared, and how many of them the expander made.
fn check(case: &Case, ops: &[Value]) -> (usize, usize) {
    let kv = case.kv();
    let sync = kv
        .iter()
        .find(|(key, _)| key == b"\x03\x06")
        .expect("a run");
    let stored: Rows = kv
        .iter()
        .filter(|(key, _)| is_written(key))
        .cloned()
        .collect();
    let mut replay = Replay {
        stored: &stored,
        rows: Rows::new(),
        sync_id: c1z::record::sync_run::decode(&sync.1)
            .unwrap()
            .id
            .to_string(),
        expanded: false,
    };
    for step in ops {
        replay.apply(step);
    }
    let mut by_expander = 0;
    for (key, value) in &stored {
        let made = replay.rows.remove(key);
        if replay.expanded && Family::of(key) == Some(Family::Grant) {
            let view = GrantView::parse(value).unwrap();
            if view.source_count() > 0 {
                by_expander += 1;
                continue;
            }
        }
        let name = &case.name;
        assert_eq!(made.as_ref(), Some(value), "{name} {:?}", Key::parse(key));
    }
    assert!(
        replay.rows.is_empty(),
        "{}: rows that Go has not",
        case.name
    );
    (stored.len() - by_expander, by_expander)
}

#[test]
fn replaying_the_writes_gives_the_stored_rows() {
    let (mut files, mut rows, mut by_expander) = (0, 0, 0);
    for case in cases() {
        let Some(ops) = case.ops() else { continue };
        let (compared, left) = check(&case, &ops);
        files += 1;
        rows += compared;
        by_expander += left;
    }
    println!("{files} files, {rows} rows, {by_expander} more by the expander");
    assert_eq!((files, rows, by_expander), (29, 3758, 54));
}
