//! The opening handshake, from both ends.

use dunlin_core::Headers;
use dunlin_websocket::{ClientHandshake, Config, ContextTakeover, Deflate, ServerHandshake};
use http::header::{
    CONNECTION, HOST, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderName, HeaderValue};

use super::{answer, request};

const FIELDS: [HeaderName; 8] = [
    SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION,
    UPGRADE,
    CONNECTION,
    ORIGIN,
    HOST,
];

/// A request and an answer of our own with any changes: what is accepted is within what was asked for.
///
/// Each line is a change: its first byte picks the field and whether it is set, added or removed, the rest is
/// the value. The first byte of all picks what our own end wants.
pub fn ws_handshake(data: &[u8]) {
    let (&choice, changes) = data.split_first().unwrap_or((&0, data));
    let deflate = Deflate {
        context_takeover: super::takeover(choice & 1 != 0, choice & 64 != 0),
        peer_context_takeover: choice & 128 == 0,
        server_max_window_bits: 9 + (choice >> 1) % 7,
        client_max_window_bits: 9 + (choice >> 4) % 7,
        ..Deflate::default()
    };
    let config = Config { deflate: Some(deflate), ..Config::default() };
    let client = || {
        let client = ClientHandshake::new(config.clone());
        client.protocols(["v1", "v2"]).expect("these are tokens")
    };
    let server = ServerHandshake::new(config.clone()).protocols(["v2", "v3"]);
    let server = server.expect("these are tokens");

    let mut asked = request(&client());
    change(asked.headers_mut(), changes);
    if let Ok(accepted) = server.check(&asked) {
        let head = answer(accepted);
        let offered = all(asked.headers(), &SEC_WEBSOCKET_EXTENSIONS);
        if let Some(agreed) = head.headers.get_str(SEC_WEBSOCKET_EXTENSIONS) {
            assert!(offered.contains("permessage-deflate"), "{agreed} for {offered}");
            server_answer(agreed, &offered, &deflate);
        }
        if let Some(protocol) = head.headers.get_str(SEC_WEBSOCKET_PROTOCOL) {
            let asked = all(asked.headers(), &SEC_WEBSOCKET_PROTOCOL);
            assert!(["v2", "v3"].contains(&protocol) && asked.contains(protocol));
        }
        assert!(head.headers.contains(SEC_WEBSOCKET_ACCEPT));
    }

    let client = client();
    let accepted = server.check(&request(&client)).expect("our own request");
    let mut head = answer(accepted);
    change(&mut head.headers, changes);
    let answered = all(&head.headers, &SEC_WEBSOCKET_EXTENSIONS);
    if let Ok(confirmed) = client.check(&head) {
        assert!(confirmed.protocol().is_none_or(|name| ["v1", "v2"].contains(&name)));
        assert!(answered.matches("permessage-deflate").count() <= 1, "{answered}");
    }
}

/// An answer says no parameter twice, and keeps within the offer and our own settings.
fn server_answer(agreed: &str, offered: &str, ours: &Deflate) {
    let mut params = agreed.split("; ");
    assert_eq!(params.next(), Some("permessage-deflate"));
    let mut seen = Vec::new();
    for param in params {
        let (name, value) = param.split_once('=').unwrap_or((param, ""));
        assert!(!seen.contains(&name), "{agreed}");
        seen.push(name);
        match name {
            "server_no_context_takeover" => assert_eq!(value, ""),
            "client_no_context_takeover" => {
                assert!(value.is_empty());
                assert!(offered.contains(name) || !ours.peer_context_takeover, "{agreed}");
            }
            "server_max_window_bits" => {
                let bits: u8 = value.parse().expect("a number");
                assert!((8..=ours.server_max_window_bits).contains(&bits), "{agreed}");
            }
            "client_max_window_bits" => {
                let bits: u8 = value.parse().expect("a number");
                assert!((8..=ours.client_max_window_bits).contains(&bits), "{agreed}");
                assert!(offered.contains(name), "{agreed} for {offered}");
            }
            other => panic!("{other}"),
        }
    }
    let has_takeover = !seen.contains(&"server_no_context_takeover");
    assert!(!has_takeover || ours.context_takeover != ContextTakeover::Never);
}

fn all(headers: &Headers, name: &HeaderName) -> String {
    let values: Vec<_> = headers.get_all(name).map(String::from_utf8_lossy).collect();
    values.join(", ").to_ascii_lowercase()
}

fn change(headers: &mut Headers, changes: &[u8]) {
    for line in changes.split(|&byte| byte == b'\n') {
        let Some((&pick, value)) = line.split_first() else { continue };
        let name = FIELDS[usize::from(pick & 7)].clone();
        match (pick >> 3 & 3, HeaderValue::from_bytes(value)) {
            (0, _) => drop(headers.remove(&name)),
            (1, Ok(value)) => headers.append(name, value),
            (_, Ok(value)) => headers.insert(name, value),
            (_, Err(_)) => {}
        }
    }
}
