//! Example programs; each is a file in this folder: `cargo run --release --example NAME`.
