//! Criterion benchmarks, each a file in this folder: `cargo bench -p dunlin-benches --bench NAME`.
