# Everything that CI does, one recipe each. `just --list` reads like a manual.

# The README's test command: all tests that need nothing but the Rust toolchain.
test:
    cargo test

# Format, lints as errors, documentation with broken links as errors, the no-C and no-unsafe proof.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --features c1z/shared-fixtures,c1z/sqlite -- -D warnings
    RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps
    bash .ci/no-c

# Tests on real and large files outside the repository; the folder holds upstream/ and large/.
real-files folder:
    bash .ci/real-files {{folder}}

# Comparison with C implementations (rusqlite, C zstd); compiles C.
oracle:
    cargo test -p oracle

# The engine on SQLite (feature `sqlite`) against the contract, golden cases and the model; compiles C.
sqlite:
    bash .ci/sqlite

# Our files through the published Go implementation, and its files through ours; needs Go.
interop:
    bash interop/run ci

# The whole of CI.
ci:
    bash .ci/run

# Times the reads of the large files: bench-read FOLDER, where FOLDER holds v3-100k.c1z and v3-1m.c1z.
bench-read folder:
    cargo run --release -p c1z --example bench_read -- {{folder}}/v3-100k.c1z {{folder}}/v3-1m.c1z

# Times the building of a v3 file from the records of another: bench-build FILE, in 256 and 64 MiB.
bench-build file:
    cargo build --release -p c1z --example bench_build
    target/release/examples/bench_build prepare {{file}} target/shuffled.rows shuffled
    target/release/examples/bench_build prepare {{file}} target/sorted.rows
    target/release/examples/bench_build run target/shuffled.rows 256 2
    target/release/examples/bench_build run target/shuffled.rows 64 2
    target/release/examples/bench_build run target/sorted.rows 256 2

# Times reads of a v1 file next to SQLite in C: bench-v1 FOLDER, where FOLDER holds v1-100k.c1z. Compiles C.
bench-v1 folder:
    cargo run --release -p oracle --example v1_read -- {{folder}}/v1-100k.c1z

# Times conversions of the large files, memory and sizes with them; FOLDER holds v1-100k.c1z and v3-1m.c1z.
bench-convert folder:
    bash .ci/bench-convert {{folder}}

# Merges of random files next to a map: so many histories.
merge-oracle histories="10000":
    C1Z_HISTORIES={{histories}} cargo test --release -p c1z --test ops -- merge::random --nocapture
# Comparisons, differences and merges of random syncs next to maps: so many histories of each, from a seed.
many-oracle histories="10000" seed="0":
    C1Z_HISTORIES={{histories}} C1Z_SEED={{seed}} cargo test --release -p c1z --test ops -- histories --nocapture

# Writers, readers, the background thread and the seal in so many orders each; hours of it are fine.
schedules count="2000" seed="1":
    C1Z_SCHEDULES={{count}} C1Z_SEED={{seed}} cargo test -p shingle --features schedules --lib schedules -- --nocapture
    C1Z_SCHEDULES={{count}} C1Z_SEED={{seed}} cargo test -p c1z --features schedules --lib schedules -- --nocapture

# Damaged bytes for every decoder, so many seconds each; hours of it are fine.
fuzz seconds="10" seed="":
    cargo run --release -p c1z --example fuzz -- {{seconds}} {{seed}}

# Times a live load of grants, sealed, and the original engine's load of the same in turn; needs Go.
bench-live rows="1000000":
    bash interop/run build
    cargo build --release -p shingle --example live_load
    for round in 1 2 3; do \
        target/release/examples/live_load {{rows}} 1000; \
        interop/run bench-load --rows {{rows}} --batch 1000; \
    done

# Times a whole sync on disk: grants in calls of 1,000, sealed, published, within 256 MiB; by us, by SQLite, and a bare load
# by the original engine. Compiles C, needs Go.
bench-write grants="1000000" memory="256":
    bash .ci/bench-write {{grants}} {{memory}}

# Times every kind of call beside SQLite, and names those in which ours is slower. Compiles C.
bench-engines grants="100000":
    cargo run --release -p c1z --features sqlite --example bench_engines -- {{grants}}

# Every operation of a whole sync on disk fails, or is the last one before the power does: docs/testing.md.
durability:
    C1Z_SWEEP_STRIDE=1 C1Z_FOLDER_STRIDE=7 cargo test -p testkit --test durability -- --nocapture faults canaries

# The programs that write a sync, and a folder of syncs, are killed so many times each, and go on each time.
kill kills="120" seed="1":
    C1Z_KILLS={{kills}} C1Z_KILL_SEED={{seed}} cargo test -p testkit --test durability -- --nocapture kill::

# Times a folder of so many small finished syncs: list, latest, view, cleanup.
bench-folder syncs="10000":
    bash .ci/bench-folder {{syncs}}
# What watching costs in instructions (valgrind) and time: a bulk write, a list and point reads, with metrics and without.
bench-observe:
    bash .ci/bench-observe

# Times comparisons and merges of the large files; FOLDER holds those of 100k and a million grants.
bench-many folder:
    bash .ci/bench-many {{folder}}

# Random sequences on all engines side by side, for so many minutes, from a seed; see docs/testing.md. Compiles C.
soak minutes="60" seed="1000000":
    RUST_TEST_THREADS=6 C1Z_SOAK_MINUTES={{minutes}} C1Z_SEED={{seed}} cargo test --release -p c1z --features sqlite --test metamorphic -- --nocapture alike answers difference
