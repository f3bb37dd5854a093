//! The team board is a program, `cargo run --release --example showcase`; this is what a package needs beside it.
