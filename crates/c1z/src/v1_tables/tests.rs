use super::Zone;
use crate::engine::types::Timestamp;

fn instant(zone: &Zone, text: &str) -> Option<String> {
    zone.instant(text).ok().map(|at| at.to_string())
}

#[test]
fn every_form_of_a_time_is_read() {
    let zone = Zone::utc();
    for (text, expected) in [
        ("2026-03-03 09:45:13.056791", "2026-03-03T09:45:13.056791Z"),
        ("2025-12-17 16:31:25.12974", "2025-12-17T16:31:25.129740Z"),
        ("2025-12-17 16:31:25", "2025-12-17T16:31:25Z"),
        (
            "2025-12-17T16:31:25.000000001",
            "2025-12-17T16:31:25.000000001Z",
        ),
        ("2025-12-17 16:31", "2025-12-17T16:31:00Z"),
        ("2025-12-17T16:31", "2025-12-17T16:31:00Z"),
        ("2025-12-17", "2025-12-17T00:00:00Z"),
        ("2025-12-17T16:31:25Z", "2025-12-17T16:31:25Z"),
        ("2025-12-17 16:31:25.5+02:00", "2025-12-17T14:31:25.500Z"),
        ("2025-12-17 16:31:25-05:30", "2025-12-17T22:01:25Z"),
        (
            "2025-12-17 16:31:25.25 +0200 CEST",
            "2025-12-17T14:31:25.250Z",
        ),
        (
            "2025-12-17 16:31:25 +0000 UTC m=+0.0123",
            "2025-12-17T16:31:25Z",
        ),
        ("1969-12-31 23:59:59.75", "1969-12-31T23:59:59.750Z"),
    ] {
        assert_eq!(instant(&zone, text).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn anything_else_is_an_error() {
    let zone = Zone::utc();
    for text in [
        "",
        "2025",
        "2025-12",
        "2025-13-01",
        "2025-02-30",
        "2025-12-17 ",
        "2025-12-17 24:00:00",
        "2025-12-17 16:31:25.",
        "2025-12-17 16:31:25.1234567890",
        "2025-12-17 16:31:25 ",
        "2025-12-17 16:31:60",
        "2025-12-17 16:31:25+2:00",
        "2025-12-17 16:31:25 +0200",
        "2025-12-17 16:31:25+02:99",
        "+025-12-17",
        "2025-12-17 16:31:25.5ü",
        "1765989085",
        "ü025-12-17",
    ] {
        let error = zone.instant(text).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::DataLoss, "{text}");
    }
}

#[test]
fn wall_clocks_are_those_of_the_zone() {
    let text = "2026-07-01 12:00:00.5";
    let winter = "2026-01-01 12:00:00.5";
    for (zone, summer_is, winter_is) in [
        (
            Zone::utc(),
            "2026-07-01T12:00:00.500Z",
            "2026-01-01T12:00:00.500Z",
        ),
        (
            Zone::named("Europe/Berlin").unwrap(),
            "2026-07-01T10:00:00.500Z",
            "2026-01-01T11:00:00.500Z",
        ),
        (
            Zone::named("America/Los_Angeles").unwrap(),
            "2026-07-01T19:00:00.500Z",
            "2026-01-01T20:00:00.500Z",
        ),
        (
            Zone::fixed(5 * 3_600 + 1_800).unwrap(),
            "2026-07-01T06:30:00.500Z",
            "2026-01-01T06:30:00.500Z",
        ),
    ] {
        assert_eq!(instant(&zone, text).as_deref(), Some(summer_is), "{zone:?}");
        assert_eq!(
            instant(&zone, winter).as_deref(),
            Some(winter_is),
            "{zone:?}"
        );
        // A zone of the text's own wins.
        let own = instant(&zone, "2026-07-01T12:00:00Z");
        assert_eq!(own.as_deref(), Some("2026-07-01T12:00:00Z"), "{zone:?}");
    }
}

#[test]
fn a_clock_shown_twice_is_the_earlier_instant_and_a_skipped_one_is_moved() {
    let zone = Zone::named("Europe/Berlin").unwrap();
    let at = |text| instant(&zone, text).unwrap();
    assert_eq!(at("2026-10-25 02:30:00"), "2026-10-25T00:30:00Z");
    assert_eq!(at("2026-03-29 02:30:00"), "2026-03-29T01:30:00Z");
}

#[test]
fn what_is_written_is_read_back() {
    let zones = [
        "Europe/Berlin",
        "America/Los_Angeles",
        "Asia/Kolkata",
        "UTC",
    ];
    for zone in zones.map(|name| Zone::named(name).unwrap()) {
        for nanos in [0, 1, 10, 999_999_999, 120_000_000] {
            for seconds in [0, 1_234_567_890, 1_771_000_000, 1_790_000_000] {
                let at = Timestamp { seconds, nanos };
                let text = zone.text(at).unwrap();
                assert_eq!(zone.instant(&text).unwrap(), at, "{zone:?} {text}");
                assert!(
                    !text.ends_with('.') && (nanos == 0 || !text.ends_with('0')),
                    "{text}"
                );
            }
        }
    }
    let end = Timestamp {
        seconds: i64::MAX,
        nanos: 0,
    };
    assert!(Zone::utc().text(end).is_err());
}

#[test]
fn statistics_that_are_none_are_absent() {
    let decode = super::decode_stats;
    let stats =
        decode(r#"{"grants":3,"resources_by_resource_type":{"user":2},"new":[1]}"#).unwrap();
    assert_eq!((stats.grants, stats.resources), (3, 0));
    assert_eq!(stats.resources_by_resource_type.get("user"), Some(&2));
    let calls = decode(r#"{"connector_call_stats":{"a":{"count":2,"total_ms":5}}}"#).unwrap();
    assert_eq!(calls.connector_call_stats.get("a").unwrap().total_ms, 5);
    for text in [
        "",
        "null",
        "[]",
        "{",
        r#"{"grants":"3"}"#,
        r#"{"grants_by_resource_type":[]}"#,
    ] {
        assert!(decode(text).is_none(), "{text}");
    }
}
