//! Entry points for hostile text. They must return, and must not panic unless what was accepted does not
//! survive being written and read again.

use sha2::{Digest, Sha256};

use super::writer::hex;
use super::{Reader, Writer};
use crate::Result;

/// A line of every type, without the last one.
const SAMPLE: &str = r#"{"type":"begin","schema":"c1z.sync/1"}
{"type":"sync","run":{"syncId":"s","type":"SYNC_TYPE_FULL","startedAt":"2026-01-01T00:00:00.123456789Z"},"stats":{"grants":"1"}}
{"type":"resource_type","record":{"externalId":"user","traits":["USER"]},"recordPb":"EgR1c2VyIgRVU0VS+j4CaGk="}
{"type":"resource","record":{"resourceTypeId":"user","resourceId":"u","annotations":[{"@type":"a/b","value":"/w=="}],"profile":{"a":[1,null,"x"]}}}
{"type":"entitlement","recordPb":"EgLDKA=="}
{"type":"grant","key":"AwQA","record":{"sources":{"a":{"isDirect":true}},"needsExpansion":true}}
{"type":"grant","message":{"id":"g","principal":{"displayName":"\u00e9"}},"columns":{"externalId":"g"}}
{"type":"asset","recordBytes":6}
{"type":"data","pb":"EgFh"}
{"type":"data","pb":"IgE/"}
{"type":"session","record":{"syncId":"s","key":"k","value":"/w=="}}
{"type":"row","key":"A/8A","value":"AJ+Slg=="}
{"type":"row","key":"","valueBytes":1}
{"type":"data","pb":"AA=="}
"#;
/// What its last line counts.
const COUNTS: &str = r#"{"sync":1,"resource_type":1,"resource":1,"entitlement":1,"grant":2,"asset":1,"session":1,"row":2}"#;
/// Bytes of the sample that change.
const EDITS_MAX: usize = 8;

/// Reads `bytes` as a file. Returns whether it is accepted.
///
/// # Panics
/// If a file that is accepted gives other items after it was written again.
pub fn file(bytes: &[u8]) -> bool {
    let Ok(first) = copy(bytes) else {
        return false;
    };
    match copy(&first) {
        Ok(second) => assert!(first == second, "a second copy differs from the first"),
        Err(error) => panic!("what was written is not read: {error}"),
    }
    true
}

/// Reads a file of every type of line in which some bytes are changed, as `script` says: two bytes of
/// position, one of content. The last line fits the changed file, so that its checksum hides nothing.
///
/// # Panics
/// As [`file`].
pub fn edited(script: &[u8]) -> bool {
    let mut text = SAMPLE.as_bytes().to_vec();
    let len = text.len();
    let (edits, _) = script.as_chunks::<3>();
    for &[high, low, byte] in edits.iter().take(EDITS_MAX) {
        let at = usize::from(u16::from_be_bytes([high, low])) % len;
        if let Some(place) = text.get_mut(at) {
            *place = byte;
        }
    }
    let lines = text.split_inclusive(|&byte| byte == b'\n').count();
    let sha256 = hex(&Sha256::digest(&text));
    let end = format!(
        "{{\"type\":\"end\",\"lines\":{lines},\"counts\":{COUNTS},\"sha256\":\"{sha256}\"}}\n"
    );
    text.extend_from_slice(end.as_bytes());
    file(&text)
}

/// The file, written again.
fn copy(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out)?;
    let mut reader = Reader::new(bytes)?;
    while let Some(item) = reader.next_item()? {
        writer.put(&item)?;
    }
    writer.finish()?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_accepted_and_so_are_some_edits() {
        assert!(edited(&[]));
        let at = SAMPLE.find("user").unwrap();
        let [high, low] = u16::try_from(at).unwrap().to_be_bytes();
        // The JSON beside the bytes says something else now.
        assert!(!edited(&[high, low, b'U']));
        let at = SAMPLE.find("\"u\"").unwrap() + 1;
        let [high, low] = u16::try_from(at).unwrap().to_be_bytes();
        assert!(edited(&[high, low, b'v']));
    }

    #[test]
    fn every_byte_of_the_sample_may_become_another() {
        let mut accepted = 0;
        for at in 0..SAMPLE.len() {
            let [high, low] = u16::try_from(at).unwrap().to_be_bytes();
            for byte in [0, b'"', b'0', b'A', b'\\', b'\n', b'{', b']', 0xff] {
                accepted += u64::from(edited(&[high, low, byte]));
            }
        }
        println!("{accepted} of {} edits accepted", SAMPLE.len() * 9);
        assert!(accepted > 100);
    }
}
