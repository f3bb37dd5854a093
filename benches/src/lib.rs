//! Criterion benchmarks against the rivals; run with `cargo bench -p dunlin-benches`.
