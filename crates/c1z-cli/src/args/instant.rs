//! Instants on the command line.

use c1z::engine::types::Timestamp;

/// Parses an instant in RFC 3339, or a date, which means the last moment of that day in UTC.
pub(super) fn parse(text: &str) -> Result<Timestamp, String> {
    let instant = |text: &str| text.parse::<jiff::Timestamp>();
    let found = match text.parse::<jiff::civil::Date>() {
        Ok(date) if text.len() == "2026-01-31".len() => {
            instant(&format!("{date}T23:59:59.999999999Z"))
        }
        _ => instant(text),
    };
    let found = found.map_err(|_| {
        "a time is a date like 2026-01-31, or RFC 3339 like 2026-01-31T12:00:00Z".to_owned()
    })?;
    let nanos = found.as_nanosecond();
    let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or(i64::MAX);
    let nanos = u32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or(0);
    Ok(Timestamp { seconds, nanos })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_end() {
        let text = |text| parse(text).map(|at| at.to_string());
        assert_eq!(
            text("2026-01-31").unwrap(),
            "2026-01-31T23:59:59.999999999Z"
        );
        assert_eq!(
            text("2026-01-31T12:00:00Z").unwrap(),
            "2026-01-31T12:00:00Z"
        );
        assert_eq!(
            text("2026-01-31T12:00:00+01:00").unwrap(),
            "2026-01-31T11:00:00Z"
        );
        for wrong in ["", "yesterday", "2026-13-01", "2026-01-31T12:00:00", "12"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
