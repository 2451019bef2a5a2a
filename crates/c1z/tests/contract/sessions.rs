//! The session store (`store-contract` §6.2, D20).

use c1z::ErrorKind;
use c1z::engine::types::{SyncId, SyncType};
use c1z::engine::writer::SESSION_BUDGET_BYTES;

use crate::harness::{Bench, on_all, refused};

fn sync() -> SyncId {
    SyncId::new("no-run-with-this-id").unwrap()
}

fn all(bench: &Bench, prefix: &str) -> Vec<(String, Vec<u8>)> {
    let mut rows = Vec::new();
    let mut token = String::new();
    loop {
        let page = bench
            .engine()
            .session_get_all(&sync(), prefix, &token)
            .unwrap();
        assert!(!page.rows.is_empty() || page.next_token.is_empty());
        rows.extend(page.rows);
        if page.next_token.is_empty() {
            return rows;
        }
        token = page.next_token;
    }
}

fn keys(bench: &Bench, prefix: &str) -> Vec<String> {
    all(bench, prefix).into_iter().map(|(key, _)| key).collect()
}

#[test]
fn an_empty_value_is_a_value() {
    on_all(|bench| {
        let engine = bench.engine();
        assert_eq!(engine.session_get(&sync(), "", "k").unwrap(), None);
        engine.session_set(&sync(), "", "k", b"").unwrap();
        assert_eq!(
            engine.session_get(&sync(), "", "k").unwrap(),
            Some(Vec::new())
        );
        engine.session_set(&sync(), "", "k", &[0, 255]).unwrap();
        assert_eq!(
            engine.session_get(&sync(), "", "k").unwrap(),
            Some(vec![0, 255])
        );
        engine.session_delete(&sync(), "", "k").unwrap();
        engine.session_delete(&sync(), "", "k").unwrap();
        assert_eq!(engine.session_get(&sync(), "", "k").unwrap(), None);
    });
}

#[test]
fn prefixes_match_to_the_byte() {
    on_all(|bench| {
        let engine = bench.engine();
        for prefix in ["pre", "PRE", "p_e", "p%", "\\", "pre/"] {
            let entries = [("b".to_owned(), vec![1]), ("a".to_owned(), vec![2])];
            engine.session_set_many(&sync(), prefix, &entries).unwrap();
        }
        assert_eq!(keys(bench, "p_e"), ["a", "b"]);
        assert_eq!(
            keys(bench, "pre"),
            ["/a", "/b", "a", "b"],
            "byte order, prefix stripped"
        );
        assert_eq!(
            all(bench, "PRE"),
            [("a".to_owned(), vec![2]), ("b".to_owned(), vec![1])]
        );
        engine.session_clear(&sync(), "pre/").unwrap();
        assert_eq!(keys(bench, "pre"), ["a", "b"]);
        engine.session_clear(&sync(), "p%").unwrap();
        assert_eq!(keys(bench, "p").len(), 4);
        engine.session_clear(&sync(), "").unwrap();
        assert_eq!(keys(bench, ""), Vec::<String>::new());
    });
}

#[test]
fn prefix_and_key_are_one_key() {
    on_all(|bench| {
        let engine = bench.engine();
        engine.session_set(&sync(), "ab", "c", b"1").unwrap();
        assert_eq!(
            engine.session_get(&sync(), "a", "bc").unwrap(),
            Some(b"1".to_vec())
        );
        let other = SyncId::new("other").unwrap();
        assert_eq!(engine.session_get(&other, "ab", "c").unwrap(), None);
    });
}

#[test]
fn several_keys_answer_in_one_map_and_absent_ones_not_at_all() {
    on_all(|bench| {
        let engine = bench.engine();
        engine.session_set_many(&sync(), "", &[]).unwrap();
        assert!(!engine.is_dirty());
        let entries = [("a".to_owned(), vec![1]), ("b".to_owned(), vec![])];
        engine.session_set_many(&sync(), "p", &entries).unwrap();
        let asked = ["b", "no", "a"].map(str::to_owned);
        let answer = engine.session_get_many(&sync(), "p", &asked).unwrap();
        assert_eq!(answer.found, entries.into_iter().collect());
        assert_eq!(answer.unprocessed, Vec::<String>::new());
    });
}

#[test]
fn one_answer_stays_within_its_budget() {
    on_all(|bench| {
        let engine = bench.engine();
        let value = vec![7; SESSION_BUDGET_BYTES / 3];
        let names: Vec<String> = (0..7).map(|i| format!("k{i}")).collect();
        for name in &names {
            engine.session_set(&sync(), "", name, &value).unwrap();
        }
        let answer = engine.session_get_many(&sync(), "", &names).unwrap();
        assert_eq!(answer.found.len(), 2);
        assert_eq!(answer.unprocessed, names[2..]);
        let page = engine.session_get_all(&sync(), "", "").unwrap();
        assert_eq!(
            (page.rows.len(), page.next_token.as_str()),
            (2, "k2"),
            "the token is the next key"
        );
        assert_eq!(keys(bench, ""), names);
        let from_middle = engine.session_get_all(&sync(), "", "k5x").unwrap();
        assert_eq!(from_middle.rows[0].0, "k6");
    });
}

/// D20: what no answer could hold is refused when it is written.
#[test]
fn an_entry_over_the_budget_is_refused_and_one_at_it_can_be_read() {
    on_all(|bench| {
        let engine = bench.engine();
        let fits = vec![7; SESSION_BUDGET_BYTES - "pk".len() - 20];
        engine.session_set(&sync(), "p", "k", &fits).unwrap();
        assert_eq!(all(bench, "").len(), 1);
        let answer = engine
            .session_get_many(&sync(), "", &["pk".to_owned()])
            .unwrap();
        assert_eq!(answer.found.len(), 1);
        let over = [
            ("a".to_owned(), vec![]),
            ("b".to_owned(), vec![7; SESSION_BUDGET_BYTES + 1]),
        ];
        let set = engine.session_set_many(&sync(), "", &over);
        assert_eq!(refused(set), ErrorKind::ResourceExhausted);
        assert_eq!(
            engine.session_get(&sync(), "", "a").unwrap(),
            None,
            "all or nothing"
        );
    });
}

#[test]
fn entries_survive_the_end_of_the_sync_and_reopening() {
    on_all(|bench| {
        let id = bench.start(&SyncType::Full);
        bench.engine().session_set(&id, "", "k", b"v").unwrap();
        bench.engine().end_sync().unwrap();
        bench.reopen(false);
        let engine = bench.engine();
        assert_eq!(
            engine.session_get(&id, "", "k").unwrap(),
            Some(b"v".to_vec())
        );
        engine.session_set(&id, "", "late", b"v").unwrap();
        assert!(
            engine.get_sync(&id).unwrap().stats.is_some(),
            "no record was changed"
        );
    });
}
