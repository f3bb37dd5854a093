//! Criterion benchmarks, each a file or folder here: `cargo bench -p dunlin-benches --bench NAME`.
