//! Replays the seeds and everything a fuzzer ever found.

use std::{fs, path::Path};

fn replay(target: &str, run: fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for folder in ["corpus", "regressions"] {
        // A target without findings has no such folder.
        let Ok(entries) = fs::read_dir(root.join(folder).join(target)) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            let input = fs::read(&path).unwrap();
            run(&input);
            // A cut seed is the next best input.
            run(&input[..input.len() / 2]);
            count += 1;
        }
    }
    assert!(count > 0, "{target} has no seeds");
}

#[test]
fn request_heads_hold() {
    replay("request_head", dunlin_fuzz::request_head);
}

#[test]
fn response_heads_hold() {
    replay("response_head", dunlin_fuzz::response_head);
}

#[test]
fn content_codings_hold() {
    replay("content_coding", dunlin_fuzz::content_coding);
}

#[test]
fn chunked_bodies_hold() {
    replay("chunked_body", dunlin_fuzz::chunked_body);
}

#[test]
fn chunks_round_trip() {
    replay("chunk_round_trip", dunlin_fuzz::chunk_round_trip);
}

#[test]
fn connections_hold() {
    replay("server_conn", dunlin_fuzz::server_conn);
}

#[test]
fn answers_hold() {
    replay("client_conn", dunlin_fuzz::client_conn);
}

#[test]
fn encoded_heads_hold() {
    replay("encode_round_trip", dunlin_fuzz::encode_round_trip);
}

#[test]
fn paths_hold() {
    replay("router", dunlin_fuzz::router);
}

#[test]
fn httparse_accepts_what_we_accept() {
    replay("httparse_differential", dunlin_fuzz::httparse_differential);
}

#[test]
fn leniency_moves_no_end() {
    replay("lenient_response", dunlin_fuzz::lenient_response);
}

#[test]
fn levels_agree() {
    replay("levels", dunlin_fuzz::levels);
}

#[test]
fn multipart_cuts_do_not_matter() {
    replay("multipart", dunlin_fuzz::multipart);
}

#[test]
fn websocket_reads_do_not_matter() {
    replay("ws_decoder", dunlin_fuzz::ws_decoder);
}

#[test]
fn websocket_messages_round_trip() {
    replay("ws_round_trip", dunlin_fuzz::ws_round_trip);
}

#[test]
fn compressed_messages_inflate_within_bounds() {
    replay("ws_inflate", dunlin_fuzz::ws_inflate);
}

#[test]
fn websocket_handshakes_agree_on_no_more_than_was_offered() {
    replay("ws_handshake", dunlin_fuzz::ws_handshake);
}
