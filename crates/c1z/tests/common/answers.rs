//! All questions about a sync, and their answers as a v3 file gives them (`store-contract` §1.8), whatever the engine: for
//! comparing engines that keep records in different forms.

use std::collections::{BTreeMap, BTreeSet};

use c1z::engine::page::collect_pages;
use c1z::engine::types::{EntitlementRef, ResourceRef};
use c1z::engine::{EntitlementFilter, GrantFilter, Reader, ResourceFilter, Scope};
use c1z::record::{
    Expansion, GrantPut, GrantView, entitlement, grant, message, resource, resource_type,
};
use c1z_proto::connector::v2;

/// Answers by question. Lists are sorted; an error is its kind.
pub(crate) type Answers = BTreeMap<String, Vec<String>>;

/// What a question is about: the same for both files.
#[derive(Default)]
pub(crate) struct Subjects {
    pub(crate) types: BTreeSet<String>,
    pub(crate) resources: BTreeSet<ResourceRef>,
    pub(crate) entitlements: BTreeSet<EntitlementRef>,
    pub(crate) grants: BTreeSet<String>,
    pub(crate) principals: BTreeSet<ResourceRef>,
    pub(crate) assets: BTreeSet<String>,
}

fn resource_ref(row: &v2::Resource) -> ResourceRef {
    ResourceRef::new(row.id.resource_type.as_str(), row.id.resource.as_str())
}

/// A message as a v3 file gives it back.
trait Projected: Sized {
    fn projected(self) -> String;
}

fn shown<M: std::fmt::Debug>(message: &M) -> String {
    format!("{message:?}")
}

impl Projected for v2::ResourceType {
    fn projected(self) -> String {
        shown(&resource_type::from_record(resource_type::to_record(
            &self, None,
        )))
    }
}

impl Projected for v2::Resource {
    fn projected(self) -> String {
        shown(&resource::from_record(resource::to_record(&self, None)))
    }
}

impl Projected for v2::Entitlement {
    fn projected(self) -> String {
        shown(&entitlement::from_record(entitlement::to_record(
            &self, None,
        )))
    }
}

impl Projected for v2::Grant {
    fn projected(self) -> String {
        let record = grant::to_record(&self, &GrantPut::default()).unwrap();
        let bytes = message::encode(&record);
        let view = GrantView::parse(&bytes).unwrap();
        shown(&view.to_message(Expansion::Attach).unwrap())
    }
}

/// What there is to ask about a sync.
pub(crate) fn subjects(reader: &dyn Reader, scope: &Scope) -> Subjects {
    let types = collect_pages(|page| reader.list_resource_types(scope, page)).unwrap();
    let resources = reader
        .stream_resources(scope, &ResourceFilter::default())
        .unwrap();
    let entitlements = reader
        .stream_entitlements(scope, &EntitlementFilter::default())
        .unwrap();
    let grants = reader
        .stream_grants(scope, &GrantFilter::default())
        .unwrap();
    let grants: Vec<v2::Grant> = grants.map(|row| row.unwrap().grant).collect();
    let assets = collect_pages(|page| reader.list_assets(scope, page)).unwrap();
    Subjects {
        types: types.into_iter().map(|row| row.id).collect(),
        resources: resources.map(|row| resource_ref(&row.unwrap())).collect(),
        entitlements: entitlements
            .map(|row| {
                let row = row.unwrap();
                EntitlementRef {
                    resource: Some(resource_ref(&row.resource)),
                    id: row.id,
                }
            })
            .collect(),
        principals: grants
            .iter()
            .map(|row| resource_ref(&row.principal))
            .collect(),
        grants: grants.into_iter().map(|row| row.id).collect(),
        assets: assets.into_iter().map(|asset| asset.id).collect(),
    }
}

fn many<M: Projected>(found: c1z::Result<Vec<M>>) -> Vec<String> {
    match found {
        Ok(rows) => {
            let mut rows: Vec<String> = rows.into_iter().map(Projected::projected).collect();
            rows.sort();
            rows
        }
        Err(error) => vec![format!("{:?}", error.kind())],
    }
}

fn one<M: Projected>(found: c1z::Result<M>) -> Vec<String> {
    many(found.map(|row| vec![row]))
}

fn grants_of(reader: &dyn Reader, scope: &Scope, filter: &GrantFilter) -> Vec<String> {
    let rows = collect_pages(|page| reader.list_grants(scope, filter, page)).map(|rows| {
        let mut rows: Vec<String> = rows
            .into_iter()
            .map(|row| {
                format!(
                    "{:?} {} {}",
                    row.expansion,
                    row.needs_expansion,
                    row.grant.projected()
                )
            })
            .collect();
        rows.sort();
        rows
    });
    rows.unwrap_or_else(|error| vec![format!("{:?}", error.kind())])
}

fn put(answers: &mut Answers, question: String, answer: Vec<String>) {
    let before = answers.insert(question, answer);
    assert!(before.is_none(), "the same question twice");
}

impl Subjects {
    /// Those of both.
    pub(crate) fn with(mut self, others: Self) -> Self {
        self.types.extend(others.types);
        self.resources.extend(others.resources);
        self.entitlements.extend(others.entitlements);
        self.grants.extend(others.grants);
        self.principals.extend(others.principals);
        self.assets.extend(others.assets);
        self
    }
}

/// Every question, asked.
pub(crate) fn answers(reader: &dyn Reader, scope: &Scope, about: &Subjects) -> Answers {
    let mut answers = Answers::new();
    whole_lists(reader, scope, about, &mut answers);
    of_types_and_resources(reader, scope, about, &mut answers);
    of_entitlements_and_principals(reader, scope, about, &mut answers);
    single_rows(reader, scope, about, &mut answers);
    answers
}

fn whole_lists(reader: &dyn Reader, scope: &Scope, about: &Subjects, answers: &mut Answers) {
    let mut add = |question: String, answer| put(answers, question, answer);
    add(
        "types".into(),
        many(collect_pages(|page| {
            reader.list_resource_types(scope, page)
        })),
    );
    let filter = ResourceFilter::default();
    add(
        "resources".into(),
        many(collect_pages(|page| {
            reader.list_resources(scope, &filter, page)
        })),
    );
    let filter = EntitlementFilter::default();
    add(
        "entitlements".into(),
        many(collect_pages(|page| {
            reader.list_entitlements(scope, &filter, page)
        })),
    );
    add(
        "grants".into(),
        grants_of(reader, scope, &GrantFilter::default()),
    );
    let all: Vec<EntitlementRef> = about.entitlements.iter().cloned().collect();
    add(
        "grants for entitlements".into(),
        many(collect_pages(|page| {
            reader.list_grants_for_entitlements(scope, &all, page)
        })),
    );
    let pending = collect_pages(|page| reader.list_pending_expansion(scope, page)).map(|rows| {
        let mut rows: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
        rows.sort();
        rows
    });
    add(
        "pending".into(),
        pending.unwrap_or_else(|error| vec![format!("{:?}", error.kind())]),
    );
}

fn of_types_and_resources(
    reader: &dyn Reader,
    scope: &Scope,
    about: &Subjects,
    answers: &mut Answers,
) {
    let mut add = |question: String, answer| put(answers, question, answer);
    for kind in &about.types {
        add(
            format!("type {kind}"),
            one(reader.get_resource_type(scope, kind)),
        );
        let filter = ResourceFilter {
            resource_type: kind.clone(),
            parent: None,
        };
        let rows = collect_pages(|page| reader.list_resources(scope, &filter, page));
        add(format!("resources of {kind}"), many(rows));
        for filter in [
            GrantFilter {
                entitlement_resource_type: kind.clone(),
                ..Default::default()
            },
            GrantFilter {
                principal_resource_type: kind.clone(),
                ..Default::default()
            },
        ] {
            add(format!("{filter:?}"), grants_of(reader, scope, &filter));
        }
    }
    for id in &about.resources {
        add(
            format!("resource {id}"),
            one(reader.get_resource(scope, id)),
        );
        let filter = ResourceFilter {
            parent: Some(id.clone()),
            ..Default::default()
        };
        let rows = collect_pages(|page| reader.list_resources(scope, &filter, page));
        add(format!("children of {id}"), many(rows));
        let filter = EntitlementFilter {
            resource: Some(id.clone()),
            ..Default::default()
        };
        let rows = collect_pages(|page| reader.list_entitlements(scope, &filter, page));
        add(format!("entitlements on {id}"), many(rows));
        let filter = GrantFilter {
            entitlement_resource: Some(id.clone()),
            ..Default::default()
        };
        add(format!("grants on {id}"), grants_of(reader, scope, &filter));
    }
}

fn of_entitlements_and_principals(
    reader: &dyn Reader,
    scope: &Scope,
    about: &Subjects,
    answers: &mut Answers,
) {
    let mut add = |question: String, answer| put(answers, question, answer);
    for of in &about.entitlements {
        add(
            format!("entitlement {of:?}"),
            one(reader.get_entitlement(scope, of)),
        );
        let filter = GrantFilter {
            entitlement: Some(of.clone()),
            ..Default::default()
        };
        add(
            format!("grants of {of:?}"),
            grants_of(reader, scope, &filter),
        );
        let found = collect_pages(|page| reader.list_principals_for_entitlement(scope, of, page));
        let found = found.map(|found| found.iter().map(ToString::to_string).collect());
        add(format!("principals of {of:?}"), found.unwrap());
        for kind in &about.types {
            let filter = GrantFilter {
                principal_resource_types: vec![kind.clone()],
                ..filter.clone()
            };
            add(format!("{filter:?}"), grants_of(reader, scope, &filter));
        }
    }
    for of in &about.principals {
        let filter = GrantFilter {
            principal: Some(of.clone()),
            ..Default::default()
        };
        add(format!("grants to {of}"), grants_of(reader, scope, &filter));
    }
}

fn single_rows(reader: &dyn Reader, scope: &Scope, about: &Subjects, answers: &mut Answers) {
    let mut add = |question: String, answer| put(answers, question, answer);
    for id in &about.grants {
        add(format!("grant {id}"), one(reader.get_grant(scope, id)));
    }
    for id in &about.assets {
        let found = reader.get_asset(scope, id).map(|mut asset| {
            let mut data = Vec::new();
            std::io::Read::read_to_end(&mut asset.data, &mut data).unwrap();
            vec![format!("{} {data:?}", asset.content_type)]
        });
        add(
            format!("asset {id}"),
            found.unwrap_or_else(|error| vec![format!("{:?}", error.kind())]),
        );
    }
    let sync = match scope {
        Scope::Sync(sync) => sync.clone(),
        Scope::Default => panic!("a sync is named"),
    };
    let sessions = reader.session_get_all(&sync, "", "").unwrap().rows;
    add(
        "sessions".into(),
        sessions.iter().map(|entry| format!("{entry:?}")).collect(),
    );
    let mut stats = reader.stats(Some(&sync), None).unwrap();
    for counts in [
        &mut stats.resources_by_resource_type,
        &mut stats.grants_by_resource_type,
        &mut stats.entitlements_by_resource_type,
    ] {
        // What Go recorded in a v3 file leaves zeros out (`store-contract` §7).
        counts.retain(|_, count| *count != 0);
    }
    // When they were recorded, and the quality figures, have no place in v1.
    (stats.written_at, stats.ingest_quality) = (None, None);
    add("stats".into(), vec![format!("{stats:?}")]);
}
