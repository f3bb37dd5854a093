//! Example programs; each is a file beside this folder, run with `cargo run --example NAME`.
