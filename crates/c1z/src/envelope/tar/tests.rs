//! The tar subset: every form that payloads have, and what is refused.

use super::header::{SIZE_MAX, encode};
use super::pax::Records;
use super::*;
use crate::{ErrorKind, Result};

#[derive(Debug)]
struct Bytes<'a>(&'a [u8]);

impl TarInput for Bytes<'_> {
    fn fill(&mut self, buf: &mut [u8]) -> Result<usize> {
        let n = buf.len().min(self.0.len());
        let (head, rest) = self.0.split_at(n);
        buf[..n].copy_from_slice(head);
        self.0 = rest;
        Ok(n)
    }

    fn skip(&mut self, n: u64) -> Result<bool> {
        let enough = n <= self.0.len() as u64;
        self.0 = usize::try_from(n)
            .ok()
            .and_then(|n| self.0.get(n..))
            .unwrap_or_default();
        Ok(enough)
    }
}

fn list(archive: &[u8]) -> Result<Vec<TarFile>> {
    let mut reader = TarReader::new(Bytes(archive), 0);
    let mut files = Vec::new();
    while let Some(file) = reader.next_file()? {
        files.push(file);
    }
    Ok(files)
}

fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, data) in members {
        let len = data.len() as u64;
        write_header(&mut out, TarMember { name, len }).unwrap();
        out.extend_from_slice(data);
        write_padding(&mut out, len).unwrap();
    }
    write_end(&mut out).unwrap();
    let named = members.iter().map(|(name, data)| TarMember {
        name,
        len: data.len() as u64,
    });
    assert_eq!(archive_len(named), out.len() as u64);
    out
}

/// `block` with its checksum made right.
fn sealed(mut block: [u8; 512]) -> [u8; 512] {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn changed(at: usize, with: &[u8]) -> Vec<u8> {
    let mut block = encode(b"", b"name", 0, b'0');
    block[at..at + with.len()].copy_from_slice(with);
    [sealed(block).as_slice(), &[0; 1024]].concat()
}

#[test]
fn archives_of_every_shape_of_name_and_length_are_read_back() {
    let long = format!("{}/{}", "p".repeat(150), "n".repeat(90));
    let longer = "x".repeat(300);
    let members: [(&str, &[u8]); 7] = [
        ("empty", b""),
        ("one", b"1"),
        ("block", &[7; 512]),
        ("more", &[8; 513]),
        (&long, b"in a prefix"),
        (&longer, b"in a record"),
        ("é", b"not ASCII"),
    ];
    let bytes = archive(&members);
    let files = list(&bytes).unwrap();
    assert_eq!(files.len(), members.len());
    for (file, (name, data)) in files.iter().zip(members) {
        assert_eq!((file.name.as_str(), file.len), (name, data.len() as u64));
        let from = usize::try_from(file.offset).unwrap();
        assert_eq!(&bytes[from..from + data.len()], data);
    }
    // The prefix form costs no record.
    assert_eq!(archive(&[(&long, b"")]).len(), 512 + 1024);
    assert_eq!(archive(&[(&longer, b"")]).len(), 3 * 512 + 1024);
}

#[test]
fn data_can_be_read_or_passed_over() {
    let bytes = archive(&[("a", &[1; 700]), ("b", b"xyz")]);
    let mut reader = TarReader::new(Bytes(&bytes), 0);
    assert_eq!(reader.next_file().unwrap().unwrap().name, "a");
    let mut buf = [0; 100];
    assert_eq!(reader.read_data(&mut buf).unwrap(), 100);
    reader.skip_data(599).unwrap();
    assert_eq!(reader.read_data(&mut buf).unwrap(), 1);
    assert_eq!(reader.read_data(&mut buf).unwrap(), 0);
    assert_eq!(reader.next_file().unwrap().unwrap().name, "b");
    reader.skip_data(u64::MAX).unwrap();
    assert!(reader.next_file().unwrap().is_none());
}

#[test]
fn lengths_over_the_field_are_in_a_record() {
    let len = SIZE_MAX + 1;
    let mut out = Vec::new();
    write_header(&mut out, TarMember { name: "huge", len }).unwrap();
    assert_eq!(out.len(), 3 * 512);
    // The reader believes the record and finds the data missing.
    let error = list(&out).unwrap_err();
    assert!(error.to_string().starts_with("truncated"), "{error}");
    let expected = format!("{len} more bytes");
    assert!(error.to_string().contains(&expected), "{error}");
}

#[test]
fn only_files_count() {
    let mut bytes = Vec::new();
    for kind in [b'5', b'1', b'2', b'3', b'6', b'7', b'g'] {
        // A link whose size field is not zero has no data all the same.
        let len = if matches!(kind, b'1'..=b'6') { 100 } else { 0 };
        bytes.extend_from_slice(&encode(b"", b"other", len, kind));
    }
    bytes.extend_from_slice(&encode(b"", b"old", 0, 0));
    bytes.extend_from_slice(&[0; 1024]);
    let files = list(&bytes).unwrap();
    assert_eq!(
        files
            .iter()
            .map(|file| file.name.as_str())
            .collect::<Vec<_>>(),
        ["old"]
    );
}

#[test]
fn a_record_belongs_to_one_member() {
    let records = Records {
        path: Some(b"renamed".to_vec()),
        size: None,
    }
    .encode();
    let mut bytes = encode(b"", b"x", records.len() as u64, b'x').to_vec();
    bytes.extend_from_slice(&records);
    bytes.resize(1024, 0);
    for _ in 0..2 {
        bytes.extend_from_slice(&encode(b"", b"plain", 0, b'0'));
    }
    bytes.extend_from_slice(&[0; 1024]);
    let names: Vec<_> = list(&bytes)
        .unwrap()
        .into_iter()
        .map(|file| file.name)
        .collect();
    assert_eq!(names, ["renamed", "plain"]);
}

#[test]
fn numbers_may_be_octal_or_base_256() {
    let mut size = [0; 12];
    size[0] = 0x80;
    for (field, good) in [
        (b"00000000000\0".as_slice(), true),
        (b"         0  ", true),
        (&[0; 12], true),
        (&size, true),
        (b"0000000000x\0", false),
        (b"99999999999\0", false),
        (&[0xff; 12], false),
        (&[0x80, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0], false),
    ] {
        assert_eq!(list(&changed(124, field)).is_ok(), good, "{field:?}");
    }
}

#[test]
fn what_is_not_acceptable_is_refused() {
    let loss = |bytes: &[u8], what: &str| {
        let error = list(bytes).expect_err(what);
        assert_eq!(error.kind(), ErrorKind::DataLoss, "{what}: {error:?}");
    };
    loss(&changed(100, b"0004755\0"), "a set-id bit");
    loss(&changed(0, b"../x"), "a name that leaves");
    loss(&changed(0, b"/abs"), "an absolute name");
    loss(&changed(0, b"\0\0\0\0"), "no name");
    let mut wrong_sum = changed(0, b"name");
    wrong_sum[0] = b'N';
    loss(&wrong_sum, "a wrong checksum");
    let mut behind = archive(&[("a", b"1")]);
    behind.extend_from_slice(&[0; 5000]);
    assert_eq!(list(&behind).unwrap().len(), 1, "padding is fine");
    behind.push(1);
    loss(&behind, "a byte behind the end");
    let zeros = archive(&[]);
    loss(
        &[&zeros[..512], &archive(&[("a", b"1")])].concat(),
        "one zero block inside",
    );
    for (kind, what) in [(b'L', "GNU name"), (b'S', "sparse file")] {
        let bytes = [encode(b"", b"x", 0, kind).as_slice(), &[0; 1024]].concat();
        assert_eq!(
            list(&bytes).expect_err(what).kind(),
            ErrorKind::Unsupported,
            "{what}"
        );
    }
}

#[test]
fn huge_claims_cost_nothing() {
    let cases = [
        changed(124, b"77777777777\0"),
        changed(
            124,
            &[
                0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
            ],
        ),
        [encode(b"", b"x", SIZE_MAX, b'5').as_slice(), &[0; 512]].concat(),
    ];
    for bytes in cases {
        assert_eq!(list(&bytes).unwrap_err().kind(), ErrorKind::DataLoss);
    }
    let records = [
        encode(b"", b"x", (1 << 20) + 1, b'x').as_slice(),
        &[0; 2048],
    ]
    .concat();
    assert_eq!(
        list(&records).unwrap_err().kind(),
        ErrorKind::ResourceExhausted
    );
}

#[test]
fn every_cut_of_an_archive_is_an_error() {
    let bytes = archive(&[("a", b"1"), ("b", &[2; 600]), (&"c".repeat(200), b"3")]);
    for len in 0..bytes.len() {
        let error = list(&bytes[..len]).expect_err(&len.to_string());
        assert!(
            error.to_string().starts_with("truncated tar archive"),
            "{len}: {error}"
        );
    }
}

#[test]
fn records_count_themselves() {
    for len in [
        1, 5, 85, 86, 87, 88, 89, 90, 91, 92, 93, 980, 985, 990, 9990,
    ] {
        let records = Records {
            path: Some(vec![b'p'; len]),
            size: Some(77),
        };
        let bytes = records.encode();
        assert_eq!(Records::decode(&bytes, 0).unwrap(), records, "{len}");
    }
    for bad in [
        &b"x"[..],
        b"5 a=b",
        b"6 a=b\nx",
        b"6 a=bx",
        b"0 a=b\n",
        b"3 \n",
        b"5 =b\n",
        b"99999999999999999999 a=b\n",
        b"+6 a=b\n",
        b"9 size=-1\n",
        b"10 size=1x\n",
    ] {
        let error = Records::decode(bad, 0).expect_err(&bad.escape_ascii().to_string());
        assert_eq!(error.kind(), ErrorKind::DataLoss);
    }
    let sparse = b"22 GNU.sparse.major=1\n";
    assert_eq!(
        Records::decode(sparse, 0).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
}
