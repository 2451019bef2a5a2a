//! What is read from an OPTIONS file, what is refused, and that the written text is the reference
//! implementation's.

use super::*;
use crate::testing::golden_tar;

#[test]
fn the_written_text_is_that_of_the_reference_implementation() {
    let fs = golden_tar("basic/pebble-dir.tar");
    let expected = fs.read("OPTIONS-000003").unwrap();
    assert_eq!(render(FormatVersion::NEWEST).as_bytes(), expected);
}

#[test]
fn what_is_written_is_read_back() {
    let version = FormatVersion::OLDEST;
    let options = OptionsFile::parse(render(version).as_bytes()).unwrap();
    options.check_supported().unwrap();
    assert_eq!(options.format_version(), Some(version));
    assert_eq!(options.settings().len(), 1 + 44 + 7 * 8);
    assert_eq!(
        options.get("Level \"6\"", "target_file_size"),
        Some("134217728")
    );
    assert_eq!(options.get("Options", "no such key"), None);
}

#[test]
fn comments_blanks_and_spaces_mean_nothing() {
    let text =
        b"; a comment with = in it\n# another\n\n[Options]\r\n merger = nullptr \r\n  wal_dir=\n";
    let options = OptionsFile::parse(text).unwrap();
    assert_eq!(options.get("Options", "merger"), Some("nullptr"));
    assert_eq!(options.get("Options", "wal_dir"), Some(""));
    options.check_supported().unwrap();
    OptionsFile::parse(b"").unwrap().check_supported().unwrap();
}

#[test]
fn foreign_settings_are_named() {
    for (text, name) in [
        ("[Options]\ncomparer=other", "comparer=`other`"),
        ("[Options]\nmerger=sum", "merger=`sum`"),
        ("[Options]\nwal_dir=/wal", "wal_dir=`/wal`"),
        ("[WAL Failover]\nsecondary_dir=x", "secondary_dir=`x`"),
    ] {
        let options = OptionsFile::parse(text.as_bytes()).unwrap();
        let error = options.check_supported().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_line_that_is_no_setting_is_corrupt() {
    let error = OptionsFile::parse(b"[Options]\nmerger\n").unwrap_err();
    assert_eq!(error.corruption().unwrap().offset, 10);
    let error = OptionsFile::parse(b"ab\xff").unwrap_err();
    assert_eq!(error.corruption().unwrap().offset, 2);
}
