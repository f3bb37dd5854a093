//! WebSocket: where reads split what comes does not matter, what is sent is received, and nothing that a peer
//! says is taken for more than it is.

mod codec;
mod handshake;

use dunlin_core::{Request, ResponseHead};
use dunlin_websocket::proto::{Decoder, Encoder, Outbox};
use dunlin_websocket::{
    ClientHandshake, Config, ContextTakeover, Deflate, Limits, ServerHandshake,
};
use http::{HeaderValue, Method, StatusCode, Uri, header};

pub use codec::{ws_decoder, ws_inflate, ws_round_trip};
pub use handshake::ws_handshake;

/// Bytes that a message may have here.
const MAX_MESSAGE: usize = 40_000;

/// What both ends have agreed on; the byte picks compression and its parameters.
fn agreed(choice: u8, limits: Limits) -> [(Decoder, Encoder); 2] {
    let deflate = Deflate {
        level: 1 + (choice >> 5),
        threshold: 20,
        context_takeover: takeover(choice & 2 != 0, choice & 128 != 0),
        peer_context_takeover: choice & 16 == 0,
        server_max_window_bits: if choice & 4 == 0 { 15 } else { 9 },
        client_max_window_bits: if choice & 8 == 0 { 15 } else { 9 },
    };
    let deflate = (choice & 1 != 0).then_some(deflate);
    let config = Config { limits, deflate, ..Config::default() };
    let client = ClientHandshake::new(config.clone());
    let mut config = config;
    if choice & 64 != 0
        && let Some(deflate) = &mut config.deflate
    {
        // Only one end refers to what it has sent, and the other keeps a window in place of a state.
        let had = deflate.context_takeover == ContextTakeover::Always;
        deflate.context_takeover = takeover(!had, choice & 128 != 0);
    }
    let server = ServerHandshake::new(config).check(&request(&client)).expect("our own request");
    let ours = server.codec();
    let client = client.check(&answer(server)).expect("our own answer");
    [ours, client.codec()]
}

fn takeover(always: bool, within_bursts: bool) -> ContextTakeover {
    match (always, within_bursts) {
        (true, _) => ContextTakeover::Always,
        (false, true) => ContextTakeover::Recent,
        (false, false) => ContextTakeover::Never,
    }
}

fn request(client: &ClientHandshake) -> Request {
    let mut request = Request::new(Method::GET, Uri::from_static("/ws"), ());
    let headers = request.headers_mut();
    headers.insert(header::HOST, HeaderValue::from_static("a.example"));
    for (name, value) in client.headers() {
        headers.insert(name, value);
    }
    request
}

fn answer(accepted: dunlin_websocket::Accepted) -> ResponseHead {
    let response = accepted.on_upgrade(|_| async {});
    let mut head = ResponseHead::default();
    head.status = StatusCode::SWITCHING_PROTOCOLS;
    for (name, value) in response.headers().as_map() {
        head.headers.insert(name.clone(), value.clone());
    }
    head
}

/// All that waits to be written.
fn drain(out: &mut Outbox) -> Vec<u8> {
    let mut wire = Vec::new();
    while !out.is_empty() {
        let len = out.first().len();
        wire.extend_from_slice(out.first());
        out.advance(len);
    }
    wire
}
