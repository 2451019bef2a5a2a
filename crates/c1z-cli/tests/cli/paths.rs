//! `who` and `why`: who holds an entitlement, and how they came to.

use super::support::{c1z, cells, golden, json, lines, run, stderr, v1};

const APP: &str = "app:app-000:access";

#[test]
fn who_tells_direct_holders_from_those_through_others() {
    for file in [golden("expandable-expanded"), v1("expandable-expanded")] {
        let document = json(&file, &["who", APP, "-o", "json"]);
        let holders = document["holders"].as_array().unwrap();
        let grants = json(&file, &["grants", "-e", APP, "-o", "json"]);
        let grants = grants["grants"].as_array().unwrap();
        assert_eq!(holders.len(), grants.len());
        for (holder, row) in holders.iter().zip(grants) {
            let grant = &row["grant"];
            assert_eq!(holder["grantId"], grant["id"]);
            assert_eq!(holder["principal"]["id"], grant["principal"]["id"]);
            let sources = grant["sources"]["sources"].as_object();
            let mut through: Vec<&str> = sources
                .into_iter()
                .flatten()
                .map(|(id, _)| id.as_str())
                .collect();
            let direct = through.is_empty() || through.contains(&APP);
            through.retain(|id| *id != APP);
            through.sort_unstable();
            assert_eq!(holder["direct"], direct, "{holder}");
            assert_eq!(holder["through"], serde_json::json!(through), "{holder}");
        }
        assert!(holders.iter().any(|holder| holder["direct"] == false));
        let rows = lines(&file, &["who", APP, "-o", "ndjson"]);
        assert_eq!(rows.len(), holders.len() + 2);
        let table = cells(&run(&file, &["who", APP]));
        assert_eq!(table.len(), holders.len() + 1);
    }
}

#[test]
fn why_tells_every_way_and_no_is_an_exit_code() {
    for file in [golden("expandable-expanded"), v1("expandable-expanded")] {
        let found = json(&file, &["why", "user:u-1082c8", APP, "-o", "json"]);
        assert_eq!(found["holds"], true);
        assert_eq!(found["complete"], true);
        let paths = found["paths"].as_array().unwrap();
        assert_eq!(paths.len(), 3);
        assert_eq!(paths[0]["edges"], serde_json::json!([]));
        assert_eq!(paths[1]["entitlementId"], "group:g6:member");
        assert_eq!(paths[2]["edges"].as_array().unwrap().len(), 2);
        let text = run(&file, &["why", "user:u-1082c8", APP]);
        assert!(
            text.contains("Frances St. John (user:u-1082c8) holds EDGE ml access"),
            "{text}"
        );
        assert!(text.contains("through Group core (group:g6)"), "{text}");
        assert!(
            text.contains("a source that leads nowhere: group:g4:member"),
            "{text}"
        );
        let cut = c1z(&file, &["why", "user:u-1082c8", APP, "--limit", "1"]);
        assert!(stderr(&cut).contains("more ways"), "{cut:?}");

        let no = c1z(&file, &["why", "user:u-1082c8", "group:g0:member"]);
        assert_eq!(no.status.code(), Some(1));
        assert!(
            String::from_utf8(no.stdout)
                .unwrap()
                .contains("does not hold")
        );
    }
}

#[test]
fn what_the_file_does_not_know_is_no_answer() {
    let file = golden("expandable-expanded");
    for args in [
        &["who", "no:such:thing"][..],
        &["why", "user:u-1082c8", "no:such:thing"],
        &["why", "user:nobody", APP],
        &["why", "nobody", APP],
    ] {
        let output = c1z(&file, args);
        assert_eq!(output.status.code(), Some(5), "{args:?}: {output:?}");
        assert!(output.stdout.is_empty());
    }
    // A type and an id are told apart by what the file holds, not by the first colon.
    let role = "role:arn:aws:iam::373173441709:role/tango-0";
    let output = c1z(&file, &["why", role, APP]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}
