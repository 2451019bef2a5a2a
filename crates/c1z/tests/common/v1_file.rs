//! v1 files made for tests: two syncs with the same rows, in the schema of the first generation or of today's.

use std::path::Path;
use std::sync::Arc;

use c1z::envelope::write_v1;
use c1z::record::message;
use c1z::sqlite_file::Value;
use c1z::sqlite_file::writer::{Image, WriteOptions, Writer};
use c1z::v1_tables::Zone;
use c1z::{OpenOptions, Store};
use c1z_proto::connector::v2;
use c1z_proto::google::protobuf::Any;
use shingle::vfs::{Fs, MemFs};
use testkit::golden::Case;
use testkit::golden::sqlite::Row;

pub(crate) const SYNC: &str = "2qVyMyUb4B6tF8S1zv0KqZ3xQ1w";
pub(crate) const OTHER_SYNC: &str = "2qVyMyUb4B6tF8S1zv0KqZ3xQ1x";
const AT: &str = "2026-03-03 09:45:13.056791";
const USERS_PER_GROUP: usize = 10;

/// Which schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generation {
    /// That of March 2023.
    First,
    /// That of today.
    Current,
}

impl Generation {
    /// Its statements, as Go wrote them into a golden file.
    fn statements(self) -> Vec<String> {
        let case = Case::named(match self {
            Self::First => "old-schema-2023",
            Self::Current => "basic",
        });
        let rows = case.sqlite_rows().unwrap();
        rows.into_iter()
            .filter_map(|row| match row {
                Row::Schema { schema, .. } => schema,
                _ => None,
            })
            .collect()
    }

    fn is_current(self) -> bool {
        self == Self::Current
    }
}

fn resource(kind: &str, id: &str) -> v2::Resource {
    let id = v2::ResourceId {
        resource_type: kind.into(),
        resource: id.into(),
        ..Default::default()
    };
    v2::Resource {
        id: id.into(),
        ..Default::default()
    }
}

fn expansion() -> Vec<u8> {
    message::encode(&v2::GrantExpandable {
        entitlement_ids: vec!["group:g00000:member".into()],
        ..Default::default()
    })
}

/// One grant to be written.
struct Granted {
    kind: &'static str,
    on: String,
    principal_kind: &'static str,
    principal: String,
    expands: bool,
}

impl Granted {
    fn entitlement_id(&self) -> String {
        format!("{}:{}:member", self.kind, self.on)
    }

    fn message(&self, with_annotation: bool) -> v2::Grant {
        let id = self.entitlement_id();
        let annotation = Any {
            type_url: "type.googleapis.com/c1.connector.v2.GrantExpandable".into(),
            value: expansion(),
            ..Default::default()
        };
        v2::Grant {
            id: format!("{id}:{}:{}", self.principal_kind, self.principal),
            entitlement: v2::Entitlement {
                id,
                resource: resource(self.kind, &self.on).into(),
                ..Default::default()
            }
            .into(),
            principal: resource(self.principal_kind, &self.principal).into(),
            annotations: if with_annotation {
                vec![annotation]
            } else {
                Vec::new()
            },
            ..Default::default()
        }
    }
}

/// Ten `user` and ten `user2` members each, one `user` of all; three expandable grants on one role.
fn grants(groups: usize) -> Vec<Granted> {
    let mut grants = Vec::new();
    for group in 0..groups {
        let on = format!("g{group:05}");
        for kind in ["user", "user2"] {
            for user in 0..USERS_PER_GROUP {
                grants.push((kind, on.clone(), format!("u{group:05}-{user}")));
            }
        }
        grants.push(("user", on, "everybody".to_owned()));
    }
    let of_groups = grants
        .into_iter()
        .map(|(principal_kind, on, principal)| Granted {
            kind: "group",
            on,
            principal_kind,
            principal,
            expands: false,
        });
    let of_role = (0..3).map(|group| Granted {
        kind: "role",
        on: "r".to_owned(),
        principal_kind: "group",
        principal: format!("g{group:05}"),
        expands: true,
    });
    of_groups.chain(of_role).collect()
}

/// Writes one table: each row once for every sync, by `cells` of the row and the sync.
fn write<T>(
    writer: &mut Writer,
    table: &str,
    rows: &[T],
    cells: impl for<'a> Fn(&'a T, &'static str) -> Vec<Value<'a>>,
) {
    let mut out = writer.table(table).unwrap();
    let mut rowid = 0;
    for row in rows {
        for sync in [SYNC, OTHER_SYNC] {
            rowid += 1;
            let mut values = vec![Value::Null];
            values.extend(cells(row, sync));
            out.push(rowid, &values).unwrap();
        }
    }
    out.finish().unwrap();
}

fn owned(text: String) -> Value<'static> {
    Value::Text(text.into_bytes().into())
}

fn bytes(bytes: Vec<u8>) -> Value<'static> {
    Value::Blob(bytes.into())
}

fn write_runs(writer: &mut Writer, generation: Generation) {
    write(writer, "v1_sync_runs", &[()], |(), sync| {
        let mut values = vec![
            Value::text(sync),
            Value::text(AT),
            Value::text(AT),
            Value::text(""),
        ];
        if generation.is_current() {
            let text = Value::text("");
            values.extend([Value::text("full"), text.clone(), text.clone()]);
            values.extend([Value::Integer(1), Value::Integer(1), Value::Null]);
            values.extend([text.clone(), text.clone(), text]);
        }
        values
    });
}

/// A resource for each group, and a child of it.
fn write_resources(writer: &mut Writer, groups: &[String]) {
    let rows: Vec<(&str, &String, Option<&String>)> = groups
        .iter()
        .flat_map(|id| [("group", id, None), ("child", id, Some(id))])
        .collect();
    write(writer, "v1_resources", &rows, |(kind, id, parent), sync| {
        let parent_id = parent.map(|id| resource("group", id).id.into_option().unwrap());
        let message = v2::Resource {
            parent_resource_id: parent_id.into(),
            ..resource(kind, id)
        };
        vec![
            Value::text(kind),
            owned(format!("{kind}:{id}")),
            parent.map_or(Value::Null, |_| Value::text("group")),
            parent.map_or(Value::Null, |id| Value::text(id)),
            bytes(message::encode(&message)),
            Value::text(sync),
            Value::text(AT),
        ]
    });
}

fn write_entitlements(writer: &mut Writer, groups: &[String]) {
    write(writer, "v1_entitlements", groups, |on, sync| {
        let message = v2::Entitlement {
            id: format!("group:{on}:member"),
            resource: resource("group", on).into(),
            ..Default::default()
        };
        vec![
            Value::text("group"),
            Value::text(on),
            owned(message.id.clone()),
            bytes(message::encode(&message)),
            Value::text(sync),
            Value::text(AT),
        ]
    });
}

fn write_grants(writer: &mut Writer, groups: usize, generation: Generation) {
    write(writer, "v1_grants", &grants(groups), |row, sync| {
        let message = row.message(row.expands && !generation.is_current());
        let mut values = vec![
            Value::text(row.kind),
            Value::text(&row.on),
            owned(row.entitlement_id()),
            Value::text(row.principal_kind),
            Value::text(&row.principal),
            owned(message.id.clone()),
        ];
        if generation.is_current() {
            values.push(if row.expands {
                bytes(expansion())
            } else {
                Value::Null
            });
            values.push(Value::Integer(row.expands.into()));
        }
        values.extend([
            bytes(message::encode(&message)),
            Value::text(sync),
            Value::text(AT),
        ]);
        values
    });
}

fn write_sessions(writer: &mut Writer, groups: &[String]) {
    write(writer, "v1_connector_sessions", groups, |on, sync| {
        vec![
            Value::text(sync),
            owned(format!("p-k{}", &on[1..])),
            Value::blob(b"value"),
        ]
    });
}

/// The packed file.
pub(crate) fn file(groups: usize, generation: Generation) -> Vec<u8> {
    let fs = MemFs::new();
    let body = fs.create(Path::new("body")).unwrap();
    let statements = generation.statements();
    let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
    let mut writer = Writer::new(body, &statements, WriteOptions::default()).unwrap();
    let names: Vec<String> = (0..groups).map(|group| format!("g{group:05}")).collect();
    write_runs(&mut writer, generation);
    write_resources(&mut writer, &names);
    write_entitlements(&mut writer, &names);
    write_grants(&mut writer, groups, generation);
    if generation.is_current() {
        write_sessions(&mut writer, &names);
    }
    let written = writer.finish().unwrap();
    let image = Image::new(written.first_page, fs.open(Path::new("body")).unwrap());
    let mut packed = Vec::new();
    write_v1(&image, 1, &mut packed).unwrap();
    packed
}

/// The file, open.
pub(crate) fn open(groups: usize, generation: Generation) -> Store {
    let fs = MemFs::new();
    let mut out = fs.create(Path::new("x.c1z")).unwrap();
    out.write_all(&file(groups, generation)).unwrap();
    let options = OpenOptions {
        fs: Arc::new(fs),
        zone: Zone::utc(),
        ..OpenOptions::default()
    };
    c1z::open_with("x.c1z", &options).unwrap()
}
