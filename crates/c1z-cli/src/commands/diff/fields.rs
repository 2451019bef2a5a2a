//! What is different in two versions of a record, field by field, by their JSON.

use serde_json::Value;

/// A field with two values; none where it is not set.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FieldChange {
    /// Names joined by dots; elements of lists by number in brackets.
    pub(super) path: String,
    pub(super) old: Option<Value>,
    pub(super) new: Option<Value>,
}

/// The fields that differ, in the order of their names.
pub(super) fn changed_fields(old: &Value, new: &Value) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    compare(String::new(), Some(old), Some(new), &mut changes);
    changes
}

fn compare(path: String, old: Option<&Value>, new: Option<&Value>, changes: &mut Vec<FieldChange>) {
    match (old, new) {
        (old, new) if old == new => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let mut names: Vec<_> = old.keys().chain(new.keys()).collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                let dot = if path.is_empty() { "" } else { "." };
                let path = format!("{path}{dot}{name}");
                compare(path, old.get(name), new.get(name), changes);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for i in 0..old.len().max(new.len()) {
                compare(format!("{path}[{i}]"), old.get(i), new.get(i), changes);
            }
        }
        (old, new) => changes.push(FieldChange {
            path,
            old: old.cloned(),
            new: new.cloned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_difference_has_its_path() {
        let old = json!({"a": 1, "b": {"c": [1, {"d": "x"}], "same": true}, "gone": null});
        let new = json!({"a": 2, "b": {"c": [1, {"d": "y"}, 3], "same": true}, "e": "new"});
        let found = changed_fields(&old, &new);
        let paths: Vec<_> = found.iter().map(|change| change.path.as_str()).collect();
        assert_eq!(paths, ["a", "b.c[1].d", "b.c[2]", "e", "gone"]);
        assert_eq!(found[0].old, Some(json!(1)));
        assert_eq!(found[2].old, None);
        assert_eq!(found[4].new, None);
        assert_eq!(changed_fields(&old, &old), []);
    }
}
