//! What the checks of connectors ask of the JSON, as they write it for `jq`: the questions are
//! answered here by hand, so that the tests need no other program.

use serde_json::Value;

use super::support::{golden, json, v3};

fn list<'a>(document: &'a Value, name: &str) -> &'a Vec<Value> {
    document[name].as_array().unwrap()
}

#[test]
fn a_grant_of_a_principal_is_found() {
    // jq -e '.grants[] | select(.principal.id.resource == "u-e13981")'
    let document = json(&v3(), &["grants", "-o", "json"]);
    let found = list(&document, "grants")
        .iter()
        .filter(|grant| grant["principal"]["id"]["resource"] == "u-e13981");
    assert_eq!(found.count(), 2);
    // jq --exit-status ".grants[] | select( .principal.id.resource == \"nobody\" )" must fail
    let nobody = list(&document, "grants")
        .iter()
        .any(|grant| grant["principal"]["id"]["resource"] == "nobody");
    assert!(!nobody);
}

#[test]
fn no_grants_is_no_list() {
    // jq --exit-status 'if .grants then [ .grants[] | select(..) ] | length == 0 else . end'
    let document = json(&golden("empty-sync"), &["grants", "-o", "json"]);
    assert_eq!(document, serde_json::json!({}));
    let secrets = ["grants", "-t", "secret", "-o", "json"];
    assert_eq!(json(&v3(), &secrets), serde_json::json!({}));
}

#[test]
fn the_first_of_a_list_has_an_id() {
    // jq -r '.entitlements[0].entitlement.id', '.resources[0].resource.id.resource'
    let entitlements = json(&v3(), &["entitlements", "-o", "json"]);
    assert_eq!(
        entitlements["entitlements"][0]["entitlement"]["id"],
        "app:app-000:access"
    );
    let users = json(&v3(), &["resources", "-t", "user", "-o", "json"]);
    assert_eq!(list(&users, "resources").len(), 8);
    assert!(users["resources"][0]["resource"]["id"]["resource"].is_string());
}

#[test]
fn grants_of_an_entitlement_name_principals() {
    // jq '[.grants[] | .principal.id.resource] | sort'
    let document = json(&v3(), &["grants", "-e", "group:g0:owner", "-o", "json"]);
    let mut principals: Vec<_> = list(&document, "grants")
        .iter()
        .map(|grant| grant["principal"]["id"]["resource"].as_str().unwrap())
        .collect();
    principals.sort_unstable();
    assert_eq!(
        principals,
        ["u-425550", "u-4ac1f5", "u-4bc01f", "u-a73cc0", "u-e13981"]
    );
}

#[test]
fn statistics_are_texts_as_64_bit_numbers_are() {
    // jq -r '.stats.grants'
    let document = json(&v3(), &["stats", "-o", "json"]);
    assert_eq!(document["stats"]["grants"], "16");
}
