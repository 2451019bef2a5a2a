//! `--fields`: which parts of a row are printed, as paths in its JSON (`grant.id`,
//! `principal.displayName`).
//!
//! Paths are checked against the schema, so that a misspelt one is refused instead of giving empty
//! columns. Behind annotations, profiles and maps anything may stand; paths into them are taken as
//! they are. A path leads through lists to the values of all their elements.

use std::collections::BTreeMap;

mod pick;

use c1z_proto::schema::{Field, JsonForm, Kind, Label, Message};
use serde::de::DeserializeSeed;
use serde_json::Value;

use crate::failure::Failure;

/// A member of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    /// Its name in JSON.
    pub(crate) name: &'static str,
    /// What it is; none for a plain value.
    pub(crate) of: Option<&'static Message>,
}

impl Member {
    /// A plain value.
    pub(crate) const fn plain(name: &'static str) -> Self {
        Self { name, of: None }
    }

    /// A message.
    pub(crate) const fn message(name: &'static str, of: &'static Message) -> Self {
        Self { name, of: Some(of) }
    }
}

/// The wanted parts of a row: in their order as columns, and as a tree.
#[derive(Debug)]
pub(crate) struct Fields {
    paths: Vec<String>,
    tree: Tree,
}

/// What is wanted below a name; nothing named: all of it.
#[derive(Debug, Default)]
struct Tree(BTreeMap<String, Tree>);

impl Fields {
    /// Checks the paths against the members of a row.
    pub(crate) fn new<P: AsRef<str>>(paths: &[P], members: &[Member]) -> Result<Self, Failure> {
        let mut fields = Self {
            paths: Vec::new(),
            tree: Tree::default(),
        };
        for path in paths {
            let path = path.as_ref();
            check(path, members)?;
            fields.paths.push(path.to_owned());
            fields.tree.add(path);
        }
        Ok(fields)
    }

    /// The paths, in the order in which they were named.
    pub(crate) fn heads(&self) -> &[String] {
        &self.paths
    }

    /// Whether any part of this member is wanted.
    pub(crate) fn wants(&self, member: &str) -> bool {
        self.tree.0.contains_key(member)
    }

    /// The text at each path of a row: nothing where nothing stands, several values joined by `, `.
    pub(crate) fn cells(&self, row: &Value) -> Vec<String> {
        let cell = |path: &String| {
            let mut texts = Vec::new();
            collect(row, path, &mut texts);
            texts.join(", ")
        };
        self.paths.iter().map(cell).collect()
    }

    /// Reads a row, without what is not wanted.
    pub(crate) fn read(&self, json: &[u8]) -> Result<Value, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let row = pick::Wanted(&self.tree).deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(row)
    }
}

impl Tree {
    fn add(&mut self, path: &str) {
        let mut tree = self;
        let mut names = path.split('.').peekable();
        while let Some(name) = names.next() {
            let last = names.peek().is_none();
            let known = tree.0.contains_key(name);
            let below = tree.0.entry(name.to_owned()).or_default();
            // All of it is more than any part.
            if last || (known && below.0.is_empty()) {
                below.0.clear();
                return;
            }
            tree = below;
        }
    }
}

/// Follows a path; lists are passed through.
fn collect(value: &Value, path: &str, texts: &mut Vec<String>) {
    if let Value::Array(elements) = value {
        for element in elements {
            collect(element, path, texts);
        }
        return;
    }
    if path.is_empty() {
        return texts.extend(text_of(value));
    }
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    if let Some(below) = value.get(name) {
        collect(below, rest, texts);
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn check(path: &str, members: &[Member]) -> Result<(), Failure> {
    let (name, mut rest) = split(path);
    let Some(member) = members.iter().find(|member| member.name == name) else {
        return Err(unknown(path, "", members.iter().map(|member| member.name)));
    };
    let mut of = member.of;
    let mut walked = name.len();
    while let Some(below) = rest {
        let walked_path = path.get(..walked).unwrap_or_default();
        let message = match of.map(|message| (message, message.json_form())) {
            Some((message, JsonForm::Fields)) => message,
            Some((_, JsonForm::Open)) => return Ok(()),
            Some((_, JsonForm::Plain)) | None => {
                let hint = format!("`{walked_path}` is a plain value");
                return Err(Failure::usage(format!("unknown field `{path}`"), hint));
            }
        };
        let (name, next) = split(below);
        let Some(field) = message
            .fields()
            .iter()
            .find(|field| field.json_name() == name)
        else {
            let names = message.fields().iter().map(Field::json_name);
            return Err(unknown(path, walked_path, names));
        };
        if field.label() == Label::Map {
            return Ok(());
        }
        of = match field.kind() {
            Kind::Message(message) => Some(message),
            _ => None,
        };
        walked += 1 + name.len();
        rest = next;
    }
    Ok(())
}

fn split(path: &str) -> (&str, Option<&str>) {
    match path.split_once('.') {
        Some((name, rest)) => (name, Some(rest)),
        None => (path, None),
    }
}

fn unknown(path: &str, within: &str, names: impl Iterator<Item = &'static str>) -> Failure {
    let dot = if within.is_empty() { "" } else { "." };
    let valid: Vec<_> = names.map(|name| format!("{within}{dot}{name}")).collect();
    Failure::usage(
        format!("unknown field `{path}`"),
        format!("valid here: {}", valid.join(", ")),
    )
}

#[cfg(test)]
mod tests {
    use c1z_proto::connector::v2;
    use c1z_proto::schema::Described;
    use serde_json::json;

    use super::*;

    const MEMBERS: [Member; 2] = [
        Member::message("resource", v2::Resource::MESSAGE),
        Member::plain("size"),
    ];

    fn row() -> Value {
        json!({
            "parent": {"id": {"resource": "nobody asked"}},
            "resource": {
                "id": {"resourceType": "user", "resource": "alice"},
                "displayName": "Alice",
                "annotations": [{"@type": "t", "emails": [{"address": "a@x"}, {"address": "b@x"}]}, {"@type": "u"}],
            },
            "size": "12",
        })
    }

    fn read(fields: &Fields) -> Value {
        fields.read(row().to_string().as_bytes()).unwrap()
    }

    #[test]
    fn paths_lead_to_texts() {
        let paths = [
            "resource.id.resource",
            "size",
            "resource.annotations.emails.address",
            "resource.parentResourceId.resource",
            "resource.id",
        ];
        let fields = Fields::new(&paths, &MEMBERS).unwrap();
        assert_eq!(
            fields.cells(&read(&fields)),
            [
                "alice",
                "12",
                "a@x, b@x",
                "",
                r#"{"resource":"alice","resourceType":"user"}"#
            ]
        );
        assert!(fields.wants("size") && !fields.wants("parent"));
    }

    #[test]
    fn rows_keep_what_is_wanted() {
        let fields = Fields::new(
            &["resource.id.resource", "resource.annotations.@type"],
            &MEMBERS,
        );
        assert_eq!(
            read(&fields.unwrap()),
            json!({"resource": {"id": {"resource": "alice"}, "annotations": [{"@type": "t"}, {"@type": "u"}]}})
        );
        for paths in [
            ["resource", "resource.id.resource"],
            ["resource.id.resource", "resource"],
        ] {
            let fields = Fields::new(&paths, &MEMBERS).unwrap();
            assert_eq!(read(&fields)["resource"], row()["resource"]);
        }
    }

    #[test]
    fn unknown_paths_are_refused_with_the_valid_ones() {
        for (path, says) in [
            ("name", "valid here: resource, size"),
            ("", "valid here: resource, size"),
            ("resource.name", "resource.displayName"),
            ("resource.id.x", "resource.id.resourceType"),
            ("resource.", "resource.displayName"),
            ("size.x", "`size` is a plain value"),
            (
                "resource.displayName.x",
                "`resource.displayName` is a plain value",
            ),
        ] {
            let failure = Fields::new(&[path], &MEMBERS).unwrap_err();
            assert!(format!("{failure:?}").contains(says), "{path}: {failure:?}");
        }
    }
}
