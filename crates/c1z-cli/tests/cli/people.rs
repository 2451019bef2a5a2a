//! Who holds what: `access`, `principals` and their comparison, on files of both formats.

use c1z::ops::RecordKind;
use serde_json::{Value, json as value};

use super::support::{build, c1z, cells, golden, json, lines, run, stderr, v1, v3};

#[test]
fn access_is_that_of_the_grants() {
    // By index as by scan, for every principal of several files.
    let files = ["basic", "realistic", "slim-grants", "old-schema-2023"].map(v1);
    let cases = [
        "basic",
        "fanout",
        "realistic",
        "many-ssts",
        "deferred-index-unfinished",
    ];
    for file in files.into_iter().chain(cases.map(golden)) {
        let grants = json(&file, &["grants", "-o", "json"]);
        let principals = json(&file, &["principals", "-o", "json"]);
        let principals = principals["resources"].as_array().unwrap();
        assert!(!principals.is_empty());
        for principal in principals.iter().take(12) {
            let id = &principal["resource"]["id"];
            let of = |name: &str| id[name].as_str().unwrap();
            let args = [
                "access",
                "-t",
                of("resourceType"),
                "-r",
                of("resource"),
                "-o",
                "json",
            ];
            let access = json(&file, &args);
            assert_eq!(access["principal"]["id"], *id);
            let expected = entitlements(
                grants["grants"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter_map(|row| {
                        (row["principal"]["id"] == *id).then_some(&row["entitlement"])
                    }),
            );
            let rows = access["access"].as_array().unwrap();
            let found = rows
                .iter()
                .flat_map(|row| row["entitlements"].as_array().unwrap());
            assert_eq!(entitlements(found), expected, "{} {id}", file.display());
            let as_lines = lines(
                &file,
                &[
                    "access",
                    "-t",
                    of("resourceType"),
                    "-r",
                    of("resource"),
                    "-o",
                    "ndjson",
                ],
            );
            assert_eq!(as_lines.len(), rows.len() + 2);
        }
    }
}

fn entitlements<'a>(rows: impl Iterator<Item = &'a Value>) -> Vec<String> {
    let mut ids: Vec<_> = rows.map(|row| row["id"].to_string()).collect();
    ids.sort();
    ids.dedup();
    ids
}

#[test]
fn access_of_any_principal_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let file = build(folder.path(), &holders());
    // A group holds a grant; it need not be a user.
    let text = run(&file, &["access", "-t", "group", "-r", "g"]);
    assert!(text.contains("Effective Access for G (group)"), "{text}");
    assert!(
        text.contains("└─┬MISSING RESOURCE (app:a) (MISSING RESOURCE TYPE (app))"),
        "{text}"
    );
    assert!(text.contains("└──app:a:e"), "{text}");
    // A principal that the file does not hold, but grants name.
    let text = run(&file, &["access", "-t", "user", "-r", "gone"]);
    assert!(
        text.contains("Effective Access for MISSING RESOURCE (user:gone) (user)"),
        "{text}"
    );
    // One that holds nothing.
    let idle = ["access", "-t", "user", "-r", "idle"];
    assert_eq!(run(&file, &idle), "└──Effective Access for Idle (user)\n\n");
    let document = json(&file, &["access", "-t", "user", "-r", "idle", "-o", "json"]);
    assert!(document.get("access").is_none());
    // One that nothing names.
    let output = c1z(&file, &["access", "-t", "user", "-r", "nobody"]);
    assert_eq!(output.status.code(), Some(5));
    assert!(stderr(&output).contains("user:nobody"), "{output:?}");
}

#[test]
fn what_is_missing_is_shown_as_missing() {
    let folder = tempfile::tempdir().unwrap();
    let file = build(folder.path(), &holders());
    let grants = cells(&run(&file, &["grants"]));
    assert_eq!(
        grants[1..],
        [
            [
                "app:a:e:group:g",
                "MISSING RESOURCE TYPE (app)",
                "MISSING RESOURCE (app:a)",
                "MISSING ENTITLEMENT (app:a:e)",
                "G"
            ],
            [
                "app:a:e:user:gone",
                "MISSING RESOURCE TYPE (app)",
                "MISSING RESOURCE (app:a)",
                "MISSING ENTITLEMENT (app:a:e)",
                "MISSING RESOURCE (user:gone)"
            ],
        ]
    );
    let principals = cells(&run(&file, &["principals"]));
    assert_eq!(principals[2][1], "MISSING RESOURCE (user:gone)");
}

/// Grants to a group and to a user that the file does not hold, of an entitlement that it does not
/// hold; an idle user.
fn holders() -> Vec<(RecordKind, Value)> {
    let grant = |kind: &str, id: &str| {
        let entitlement =
            value!({"resourceTypeId": "app", "resourceId": "a", "entitlementId": "app:a:e"});
        let principal = value!({"resourceTypeId": kind, "resourceId": id});
        let grant = value!({"externalId": format!("app:a:e:{kind}:{id}"), "entitlement": entitlement, "principal": principal});
        (RecordKind::Grant, grant)
    };
    let resource = |kind: &str, id: &str, name: &str| {
        let record = value!({"resourceTypeId": kind, "resourceId": id, "displayName": name});
        (RecordKind::Resource, record)
    };
    vec![
        resource("group", "g", "G"),
        resource("user", "idle", "Idle"),
        grant("group", "g"),
        grant("user", "gone"),
    ]
}

#[test]
fn entitlements_of_a_type_are_those_whose_records_say_so() {
    let mut moved = 0;
    for case in ["basic", "identity-collisions", "overwrites-deletes"] {
        let file = v1(case);
        let all = json(&file, &["entitlements", "-o", "json"]);
        let all = all["entitlements"].as_array().unwrap();
        let type_of = |row: &Value| {
            row["entitlement"]["resource"]["id"]["resourceType"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        let mut types: Vec<_> = all.iter().map(type_of).collect();
        types.sort();
        types.dedup();
        for of_type in &types {
            let some = json(&file, &["entitlements", "-t", of_type, "-o", "json"]);
            let expected: Vec<_> = all.iter().filter(|row| type_of(row) == *of_type).collect();
            let found: Vec<_> = some["entitlements"].as_array().unwrap().iter().collect();
            assert_eq!(found, expected, "{case} {of_type}");
        }
        moved += types.len();
    }
    assert!(moved > 3, "{moved}");
}

/// Connectors name an entitlement without its resource, or with another one; Go looks it up by its id alone.
#[test]
fn an_entitlement_is_found_by_its_id_when_the_grant_names_another_resource() {
    let folder = tempfile::tempdir().unwrap();
    let entitlement = |id: &str, on: &str, name: &str| {
        let on = value!({"resourceTypeId": "app", "resourceId": on});
        let record = value!({"externalId": id, "resource": on, "displayName": name, "slug": name});
        (RecordKind::Entitlement, record)
    };
    let grant = |id: &str| {
        let entitlement =
            value!({"resourceTypeId": "app", "resourceId": "other", "entitlementId": id});
        let principal = value!({"resourceTypeId": "user", "resourceId": "u"});
        let grant = value!({"externalId": id, "entitlement": entitlement, "principal": principal});
        (RecordKind::Grant, grant)
    };
    let records = [
        entitlement("one", "a", "The one"),
        entitlement("two", "a", "First of two"),
        entitlement("two", "b", "Second of two"),
        grant("none"),
        grant("one"),
        grant("two"),
    ];
    let file = build(folder.path(), &records);
    let grants = json(&file, &["grants", "-o", "json"]);
    let names = grants["grants"].as_array().unwrap().iter().map(|row| {
        let name = row["entitlement"]["displayName"].as_str().unwrap();
        assert_eq!(
            row["grant"]["entitlement"]["resource"]["id"]["resource"],
            "other"
        );
        name
    });
    assert_eq!(
        names.collect::<Vec<_>>(),
        [
            "MISSING ENTITLEMENT (none)",
            "The one",
            "MISSING ENTITLEMENT (two)"
        ]
    );
    let tree = run(&file, &["access", "-t", "user", "-r", "u"]);
    assert!(
        tree.contains("──The one") && tree.contains("──two"),
        "{tree}"
    );
}

#[test]
fn principals_are_those_of_the_grants_each_once() {
    let files = ["basic", "realistic", "slim-grants"].map(v1);
    let cases = ["basic", "realistic", "fanout", "expandable-expanded"];
    for file in files.into_iter().chain(cases.map(golden)) {
        let grants = json(&file, &["grants", "-o", "json"]);
        let mut expected = Vec::new();
        for row in grants["grants"].as_array().unwrap() {
            if !expected.contains(&row["principal"]["id"]) {
                expected.push(row["principal"]["id"].clone());
            }
        }
        let principals = json(&file, &["principals", "-o", "json"]);
        let rows = principals["resources"].as_array().unwrap().iter();
        let found: Vec<_> = rows.map(|row| row["resource"]["id"].clone()).collect();
        assert_eq!(found, expected, "{}", file.display());
    }
}

#[test]
fn holders_of_two_entitlements_are_compared() {
    let compare = |other: &str, format: &str| {
        let file = v3();
        let path = file.to_str().unwrap().to_owned();
        let args = [
            "principals",
            "compare",
            "-e",
            "group:g0:owner",
            "--compare-file",
            &path,
            "--compare-entitlement",
            other,
            "-o",
            format,
        ];
        run(&file, &args)
    };
    assert_eq!(
        compare("group:g0:owner", "console"),
        "The principals of both entitlements appear to match.\n"
    );
    let document: Value = serde_json::from_str(&compare("group:g0:owner", "json")).unwrap();
    assert!(document.get("missing").is_none() && document.get("extra").is_none());
    assert_eq!(document["base"], document["compared"]);
    let document: Value = serde_json::from_str(&compare("group:g1:member", "json")).unwrap();
    let ids = |list: &str| {
        let rows = document[list].as_array().unwrap().iter();
        rows.map(|row| row["resource"]["id"]["resource"].to_string())
            .collect::<Vec<_>>()
    };
    let (base, compared) = (ids("base"), ids("compared"));
    let missing: Vec<_> = base
        .iter()
        .filter(|id| !compared.contains(id))
        .cloned()
        .collect();
    let extra: Vec<_> = compared
        .iter()
        .filter(|id| !base.contains(id))
        .cloned()
        .collect();
    assert!(!missing.is_empty() && !extra.is_empty() && missing.len() < base.len());
    assert_eq!(ids("missing"), missing);
    assert_eq!(ids("extra"), extra);
    let table = compare("group:g1:member", "console");
    assert!(table.starts_with("Missing Principals\nID "), "{table}");
    assert!(table.contains("\n\nExtra Principals\nID "), "{table}");
    assert_eq!(cells(&table).len(), 4 + missing.len() + extra.len());
    let lines = compare("group:g1:member", "ndjson");
    assert_eq!(lines.lines().count(), 2 + missing.len() + extra.len());
}

#[test]
fn a_person_with_two_ids_matches_by_address_or_name() {
    let folder = tempfile::tempdir().unwrap();
    let user = |id: &str, name: &str, mail: &str| {
        let user = value!({"@type": "type.googleapis.com/c1.connector.v2.UserTrait", "emails": [{"address": mail}]});
        let record = value!({"resourceTypeId": "user", "resourceId": id, "displayName": name, "annotations": [user]});
        (RecordKind::Resource, record)
    };
    let grant = |entitlement: &str, id: &str| {
        let of = value!({"resourceTypeId": "app", "resourceId": "a", "entitlementId": entitlement});
        let principal = value!({"resourceTypeId": "user", "resourceId": id});
        let external = format!("{entitlement}:user:{id}");
        (
            RecordKind::Grant,
            value!({"externalId": external, "entitlement": of, "principal": principal}),
        )
    };
    let file = build(
        folder.path(),
        &[
            user("1", "Ann", "ann@x"),
            user("2", "Ann Other", "ann@x"),
            user("3", "Bob", "bob@x"),
            user("4", "Bob", "robert@x"),
            user("5", "Cid", "cid@x"),
            grant("app:a:old", "1"),
            grant("app:a:old", "3"),
            grant("app:a:old", "5"),
            grant("app:a:new", "2"),
            grant("app:a:new", "4"),
        ],
    );
    let path = file.to_str().unwrap();
    let args = [
        "principals",
        "compare",
        "-e",
        "app:a:old",
        "--compare-file",
        path,
        "--compare-entitlement",
        "app:a:new",
        "-o",
        "json",
    ];
    let document = json(&file, &args);
    let missing = document["missing"].as_array().unwrap();
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0]["resource"]["displayName"], "Cid");
    assert!(document.get("extra").is_none());
}
