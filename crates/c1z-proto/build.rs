//! Compiles the schema files under `proto/` (no protoc needed): a descriptor set for the
//! descriptor-driven code, and the message types.

#![expect(
    clippy::disallowed_methods,
    reason = "a build script works on the source tree"
)]

use std::error::Error;
use std::path::{Path, PathBuf};

use buffa_build::{MapRepr, PointerRepr};
use protox::prost::encoding::{WireType, encode_key, encode_varint};
use protox::prost_reflect::DescriptorPool;

#[path = "build/tables.rs"]
mod tables;

/// Well-known files that the schema imports. They are named here so that their types are generated
/// like ours (ordered maps, unknown fields kept) instead of being taken from another crate.
const WELL_KNOWN: [&str; 6] = [
    "google/protobuf/any.proto",
    "google/protobuf/descriptor.proto",
    "google/protobuf/duration.proto",
    "google/protobuf/struct.proto",
    "google/protobuf/timestamp.proto",
    "google/protobuf/wrappers.proto",
];

/// Parts that are pointed to, so that a grant on its way from a cursor to a caller is two hundred
/// bytes and not a kilobyte: moving it took a quarter of the time of a list.
const BOXED: [&str; 3] = [
    ".c1.connector.v2.Grant.entitlement",
    ".c1.connector.v2.Grant.principal",
    ".c1.connector.v2.Entitlement.resource",
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("proto");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=proto");

    let mut files = Vec::new();
    schema_files(&root, &root, &mut files)?;
    files.extend(WELL_KNOWN.map(String::from));
    files.sort();

    let pool = compile(&root, &files)?;
    let set = out.join("schema.binpb");
    std::fs::write(&set, descriptor_set(&pool))?;
    make_as_old_as(&set, "build.rs")?;
    std::fs::write(out.join("tables.rs"), tables::render(&pool)?)?;
    let records: Vec<_> = files
        .iter()
        .filter(|file| file.starts_with("c1/storage/v3/"))
        .cloned()
        .collect();
    let records = compile(&root, &records)?;
    std::fs::write(out.join("closure.binpb"), descriptor_set(&records))?;

    buffa_build::Config::new()
        .descriptor_set(&set)
        .files(&files)
        .map_type(MapRepr::BTreeMap)
        .box_type_in(PointerRepr::Box, &BOXED)
        .preserve_unknown_fields(true)
        .generate_views(false)
        .generate_with_setters(false)
        .include_file("messages.rs")
        .compile()
}

/// The generator below asks cargo to watch its input, which this script has just written: left with
/// its own time it would be newer than the build, and every build would begin again.
fn make_as_old_as(path: &Path, old: &str) -> std::io::Result<()> {
    let modified = std::fs::metadata(old)?.modified()?;
    std::fs::File::options()
        .write(true)
        .open(path)?
        .set_modified(modified)
}

/// Compiles files and everything that they import.
fn compile(root: &Path, files: &[String]) -> Result<DescriptorPool, Box<dyn Error>> {
    let mut compiler = protox::Compiler::new([root])?;
    compiler
        .include_imports(true)
        .include_source_info(false)
        .open_files(files)?;
    // Through bytes, because the compiler's own pool keeps comments and positions.
    Ok(DescriptorPool::decode(
        compiler.encode_file_descriptor_set().as_slice(),
    )?)
}

/// A `google.protobuf.FileDescriptorSet` of all files, sorted by path. Options that are extensions
/// are in it.
fn descriptor_set(pool: &DescriptorPool) -> Vec<u8> {
    let mut files: Vec<_> = pool.files().collect();
    files.sort_by(|a, b| a.name().cmp(b.name()));
    let mut set = Vec::new();
    for file in files {
        let file = file.encode_to_vec();
        encode_key(1, WireType::LengthDelimited, &mut set);
        encode_varint(file.len() as u64, &mut set);
        set.extend(file);
    }
    set
}

/// Collects the paths of all schema files below `folder`, relative to `root`, with `/` between.
fn schema_files(root: &Path, folder: &Path, files: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            schema_files(root, &path, files)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "proto")
        {
            let parts: Vec<_> = path
                .strip_prefix(root)?
                .iter()
                .map(|part| part.to_string_lossy())
                .collect();
            files.push(parts.join("/"));
        }
    }
    Ok(())
}
