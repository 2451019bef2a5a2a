use super::*;
use crate::google::protobuf::FileDescriptorSet;

fn file_names(set: &[u8]) -> Vec<String> {
    let set: FileDescriptorSet = crate::decode(set).unwrap();
    set.file
        .into_iter()
        .map(|file| file.name.unwrap_or_default())
        .collect()
}

#[test]
fn records_are_seven_files_in_order() {
    let names = file_names(records());
    let expected = [
        "c1/storage/v3/options.proto",
        "c1/storage/v3/records.proto",
        "c1/storage/v3/refs.proto",
        "google/protobuf/any.proto",
        "google/protobuf/descriptor.proto",
        "google/protobuf/struct.proto",
        "google/protobuf/timestamp.proto",
    ];
    assert_eq!(names, expected);
    check_closed(records()).unwrap();
}

#[test]
fn schema_is_closed() {
    check_closed(schema()).unwrap();
    assert_eq!(file_names(schema()).len(), 41 + 6);
}

#[test]
fn sets_survive_decoding() {
    let set: FileDescriptorSet = crate::decode(records()).unwrap();
    assert_eq!(crate::encode_canonical(&set), records());
}

#[test]
fn a_missing_file_is_named() {
    let mut set: FileDescriptorSet = crate::decode(records()).unwrap();
    set.file.remove(6);
    let error = check_closed(&crate::encode_canonical(&set)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "descriptor set lacks an imported file: import=`google/protobuf/timestamp.proto`: \
         message=`google.protobuf.FileDescriptorSet` path=`file[1]`"
    );
    // The order does not matter.
    let mut set: FileDescriptorSet = crate::decode(records()).unwrap();
    set.file.reverse();
    check_closed(&crate::encode_canonical(&set)).unwrap();
    assert!(check_closed(b"\x0a\x05").is_err());
}
