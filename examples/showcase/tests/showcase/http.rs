//! Without a browser: each route as a script would use it.

use std::time::Duration;

use dunlin::client::cookies::CookieJar;
use dunlin::client::multipart::{Form, Part};
use dunlin::client::sse::EventSource;
use dunlin::client::{Client, Redirects, RequestBuilder};
use dunlin::http::StatusCode;
use serde_json::{Value, json};

use crate::Board;
use crate::common::program;

/// A client that keeps cookies, also those of an address.
fn client(board: &Board) -> Client {
    let jar = CookieJar::builder().ip_hosts(true).build();
    Client::builder().base_url(board.url.as_str()).cookies(jar).build().unwrap()
}

/// A client that has signed in: its jar keeps the cookie.
async fn signed_in(board: &Board, name: &str) -> Client {
    let client = client(board);
    let form = [("name", name)];
    let page = client.post("/sign-in").form(&form).send().await.unwrap().ok().unwrap();
    // It was led to the board.
    assert_eq!(page.url().path(), "/");
    client
}

async fn status(request: RequestBuilder) -> StatusCode {
    request.send().await.unwrap().status()
}

async fn add(client: &Client, text: &str) -> Value {
    let note = json!({ "text": text, "lane": "ideas" });
    let made = client.post("/api/notes").json(&note).send().await.unwrap();
    assert_eq!(made.status(), 201);
    made.json().await.unwrap()
}

async fn notes(client: &Client) -> Vec<Value> {
    client.get("/api/notes").send().await.unwrap().ok().unwrap().json().await.unwrap()
}

#[tokio::test]
async fn strangers_are_led_to_sign_in_and_scripts_are_told_so() {
    let data = tempfile::tempdir().unwrap();
    let board = Board::start(data.path());
    let client = client(&board);
    for page in ["/", "/files", "/log", "/numbers"] {
        let led = client.get(page).send().await.unwrap();
        assert_eq!(led.url().path(), "/sign-in", "{page}");
        let html = led.text().await.unwrap();
        // In the attribute slashes are escaped too.
        assert!(html.contains(&format!("value=\"{}\"", page.replace('/', "&#x2f;"))), "{html}");
    }
    for path in ["/api/notes", "/api/files", "/files/1", "/log/events"] {
        let told = client.get(path).accept("application/json").send().await.unwrap();
        assert_eq!(told.status(), 401, "{path}");
        assert_eq!(told.json::<Value>().await.unwrap()["detail"], "sign in first");
    }
    assert!(client.ws_connect("/live/board").send().await.is_err());
}

#[tokio::test]
async fn names_and_passphrases_are_looked_at() {
    let data = tempfile::tempdir().unwrap();
    let board = Board::with(data.path(), &["--passphrase", "red knot"]);
    let client = client(&board);
    for form in [
        [("name", "Ada"), ("passphrase", "")],
        [("name", "Ada"), ("passphrase", "red")],
        [("name", " "), ("passphrase", "red knot")],
        [("name", &"x".repeat(33)), ("passphrase", "red knot")],
    ] {
        assert_eq!(status(client.post("/sign-in").form(&form)).await, 422, "{form:?}");
    }
    let form = [("name", "Ada"), ("passphrase", "red knot"), ("next", "//evil.example/")];
    let page = client.post("/sign-in").form(&form).send().await.unwrap();
    assert_eq!(page.url().as_str(), format!("{}/", board.url));
    assert_eq!(status(client.get("/api/notes")).await, 200);
    assert_eq!(status(client.post("/sign-out")).await, 200);
    assert_eq!(status(client.get("/api/notes")).await, 401);
}

#[tokio::test]
async fn a_cookie_that_was_tampered_with_or_made_elsewhere_is_none() {
    let (data, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (board, other) = (Board::start(data.path()), Board::start(other.path()));
    let no_redirects = Redirects::none();
    let sign_in = client(&other).post("/sign-in").form(&[("name", "Ada")]).redirects(no_redirects);
    let answer = sign_in.send().await.unwrap();
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
    let value = cookie.split(['=', ';']).nth(1).unwrap();
    let (client, other) = (client(&board), client(&other));
    assert_eq!(status(other.get("/api/notes").cookie("board", value)).await, 200);
    assert_eq!(status(client.get("/api/notes").cookie("board", value)).await, 401);
    let forged = value.replacen('A', "B", 1);
    assert_eq!(status(other.get("/api/notes").cookie("board", &forged)).await, 401);
}

#[tokio::test]
async fn notes_and_sessions_outlast_the_server() {
    let data = tempfile::tempdir().unwrap();
    let board = Board::start(data.path());
    let port = board.port().to_owned();
    let ada = signed_in(&board, "Ada").await;
    let first = add(&ada, "  <b>sea</b>\nand shore ").await;
    assert_eq!(
        (&first["text"], &first["author"]),
        (&json!("<b>sea</b>\nand shore"), &json!("Ada"))
    );
    let second = add(&ada, "dunes").await;
    let path = format!("/api/notes/{}", second["id"]);
    let moved = ada.patch(path.as_str()).json(&json!({ "lane": "done" })).send().await.unwrap();
    let moved: Value = moved.ok().unwrap().json().await.unwrap();
    assert_eq!(
        (&moved["lane"], &moved["text"], &moved["version"]),
        (&json!("done"), &json!("dunes"), &json!(2))
    );
    assert!(board.program.terminate().success(), "SIGTERM ends it with status 0");
    // Everything is in the one file: the journal went with the last connection.
    assert!(!data.path().join("board.sqlite-wal").exists());

    let _board = Board::with(data.path(), &["--port", &port]);
    assert_eq!(notes(&ada).await, [first, moved]);
    assert_eq!(status(ada.delete(path.as_str())).await, 204);
    assert_eq!(status(ada.delete(path.as_str())).await, 404);
    assert_eq!(notes(&ada).await.len(), 1);
}

#[tokio::test]
async fn what_is_no_note_is_refused_in_words() {
    let data = tempfile::tempdir().unwrap();
    let board = Board::start(data.path());
    let ada = signed_in(&board, "Ada").await;
    let long = "x".repeat(2_001);
    for (note, want) in [
        (json!({ "text": " ", "lane": "ideas" }), 422),
        (json!({ "text": long, "lane": "ideas" }), 422),
        (json!({ "text": "a", "lane": "elsewhere" }), 400),
        (json!({ "lane": "ideas" }), 400),
    ] {
        let answer = ada.post("/api/notes").accept("application/json").json(&note).send().await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), want, "{note}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert!(answer.json::<Value>().await.unwrap()["detail"].is_string());
    }
    let text = ada.post("/api/notes").header("content-type", "text/plain").body("{}");
    assert_eq!(status(text).await, 415);
}

#[tokio::test]
async fn pages_of_other_sites_cannot_write() {
    let data = tempfile::tempdir().unwrap();
    let board = Board::start(data.path());
    let ada = signed_in(&board, "Ada").await;
    let note = json!({ "text": "forged", "lane": "ideas" });
    let forged = || ada.post("/api/notes").json(&note);
    assert_eq!(status(forged().header("sec-fetch-site", "cross-site")).await, 403);
    assert_eq!(status(forged().header("origin", "https://evil.example")).await, 403);
    assert_eq!(status(forged().header("origin", board.url.as_str())).await, 201);
    let sockets = |origin| ada.ws_connect("/live/board").origin(origin).send();
    assert!(sockets("https://evil.example").await.is_err());
    assert!(sockets(&board.url).await.is_ok());
}

#[tokio::test]
async fn files_are_kept_under_names_of_our_own_and_sent_in_parts() {
    let data = tempfile::tempdir().unwrap();
    let board = Board::start(data.path());
    let (ada, ben) = (signed_in(&board, "Ada").await, signed_in(&board, "Ben").await);
    let content: Vec<u8> = (0..300_000u32).map(|n| n as u8).collect();
    let part = Part::bytes(content.clone()).file_name("../../birds of \"prey\".html");
    let form = Form::new().part("file", part);
    let made = ada.post("/api/files").multipart(form).send().await.unwrap();
    assert_eq!(made.status(), 201);
    let file: Value = made.json().await.unwrap();
    assert_eq!((&file["name"], &file["size"]), (&json!("birds of \"prey\".html"), &json!(300_000)));
    assert!(file.get("stored").is_none());
    assert_eq!(std::fs::read_dir(data.path().join("files")).unwrap().count(), 1);
    assert_eq!(std::fs::read_dir(data.path().join("arriving")).unwrap().count(), 0);

    let path = format!("/files/{}", file["id"]);
    let whole = ben.get(path.as_str()).send().await.unwrap();
    assert_eq!(whole.header("content-type"), Some("application/octet-stream"));
    assert_eq!(whole.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(whole.file_name().as_deref(), Some("birds of \"prey\".html"));
    let etag = whole.header("etag").unwrap().to_owned();
    assert_eq!(whole.bytes().await.unwrap(), content);
    let rest = ben.get(path.as_str()).header("range", "bytes=299990-").send().await.unwrap();
    assert_eq!(
        (rest.status(), rest.header("content-range")),
        (StatusCode::PARTIAL_CONTENT, Some("bytes 299990-299999/300000"))
    );
    assert_eq!(rest.bytes().await.unwrap(), content[299_990..]);
    let known = ben.get(path.as_str()).header("if-none-match", etag.as_str());
    assert_eq!(status(known).await, 304);

    let api = format!("/api/files/{}", file["id"]);
    assert_eq!(status(ben.delete(api.as_str())).await, 403);
    assert_eq!(status(ada.delete(api.as_str())).await, 204);
    assert_eq!(status(ada.get(path.as_str())).await, 404);
    assert_eq!(std::fs::read_dir(data.path().join("files")).unwrap().count(), 0);
}

#[tokio::test]
async fn uploads_that_are_too_large_or_break_off_leave_nothing() {
    let data = tempfile::tempdir().unwrap();
    let board = Board::start(data.path());
    let ada = signed_in(&board, "Ada").await;
    let form = |len| Form::new().part("file", Part::bytes(vec![7; len]).file_name("sea.bin"));
    let refused = ada.post("/api/files").multipart(form(65 << 20)).expect_continue();
    assert_eq!(status(refused).await, 413);
    let wait = Duration::from_millis(300);
    let endless = futures_util::stream::unfold(0, async |n| {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let head = "--x\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\n";
        Some((
            Ok::<_, std::io::Error>(if n == 0 { head.into() } else { "x".repeat(20_000) }),
            n + 1,
        ))
    });
    let broken = ada.post("/api/files").header("content-type", "multipart/form-data; boundary=x");
    assert!(tokio::time::timeout(wait, broken.stream(endless).send()).await.is_err());
    let empty = |folder: &str| std::fs::read_dir(data.path().join(folder)).unwrap().count() == 0;
    for _ in 0..200 {
        if empty("arriving") && empty("files") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("something is left of what did not come whole");
}

#[tokio::test]
async fn everybody_hears_of_a_note_and_of_who_is_there() {
    let data = tempfile::tempdir().unwrap();
    let board = Board::start(data.path());
    let (ada, ben) = (signed_in(&board, "Ada").await, signed_in(&board, "Ben").await);
    let mut hears = ben.ws_connect("/live/board").send().await.unwrap();
    let people: Value = hears.receive_json().await.unwrap().unwrap();
    assert_eq!(people, json!({ "type": "people", "names": ["Ben"] }));
    let mut writes = ada.ws_connect("/live/board").send().await.unwrap();
    let people: Value = hears.receive_json().await.unwrap().unwrap();
    assert_eq!(people["names"], json!(["Ada", "Ben"]));
    writes.send_json(&json!({ "type": "writing" })).await.unwrap();
    let writing: Value = hears.receive_json().await.unwrap().unwrap();
    assert_eq!(writing, json!({ "type": "writing", "name": "Ada" }));
    let note = add(&ada, "hello").await;
    let told: Value = hears.receive_json().await.unwrap().unwrap();
    assert_eq!(told, json!({ "type": "note", "note": note }));
    drop(writes);
    let people: Value = hears.receive_json().await.unwrap().unwrap();
    assert_eq!(people["names"], json!(["Ben"]));

    // The end of the server is told to everybody, and waits for nobody.
    let end = tokio::task::spawn_blocking(|| board.program.terminate());
    assert!(hears.receive().await.is_none());
    assert!(end.await.unwrap().success());
    assert_eq!(hears.close_frame().unwrap().code, dunlin::websocket::CloseCode::GOING_AWAY);
}

#[tokio::test]
async fn the_log_goes_on_where_a_client_has_left() {
    let data = tempfile::tempdir().unwrap();
    let board = Board::start(data.path());
    let ada = signed_in(&board, "Ada").await;
    let mut events = ada.get("/log/events").events().unwrap();
    let next = async |events: &mut EventSource, text: &str| loop {
        let event = events.next().await.unwrap().unwrap();
        let entry: Value = serde_json::from_str(&event.data).unwrap();
        if entry["kind"] == "action" && entry["text"] == text {
            return event.id;
        }
    };
    let seen = next(&mut events, "signed in").await;
    drop(events);
    add(&ada, "missed meanwhile").await;
    let mut events = ada.get("/log/events").events().unwrap().last_event_id(&seen);
    let event = events.next().await.unwrap().unwrap();
    assert_ne!(event.id, seen);
    next(&mut events, "wrote a note").await;
    // An id of another run says nothing of this one: all is told.
    let mut events = ada.get("/log/events").events().unwrap().last_event_id("1-999999");
    next(&mut events, "signed in").await;
}

#[tokio::test]
async fn the_numbers_are_the_servers_own() {
    let data = tempfile::tempdir().unwrap();
    let board = Board::start(data.path());
    let ada = signed_in(&board, "Ada").await;
    let mut socket = ada.ws_connect("/live/numbers").send().await.unwrap();
    assert!(socket.receive_json::<Vec<Value>>().await.unwrap().is_ok());
    for _ in 0..10 {
        notes(&ada).await;
    }
    loop {
        let sample: Value = socket.receive_json().await.unwrap().unwrap();
        if sample["total"].as_u64().unwrap() >= 12 && sample["pages"] == 1 {
            // One for the socket, one that is kept.
            assert_eq!(sample["connections"], 2, "{sample}");
            break;
        }
    }
}

#[tokio::test]
async fn the_admin_pages_ask_for_their_key() {
    let data = tempfile::tempdir().unwrap();
    let board = Board::start(data.path());
    let stranger = client(&board);
    assert_eq!(stranger.get("/admin/").send().await.unwrap().url().path(), "/sign-in");
    let ada = signed_in(&board, "Ada").await;
    assert_eq!(ada.get("/admin/").send().await.unwrap().url().path(), "/admin/unlock");
    assert_eq!(status(ada.post("/admin/sweep")).await, 403);
    assert_eq!(status(ada.get("/admin/none")).await, 200, "nobody learns what is there");
    let wrong = [("key", "0000000000000000")];
    assert_eq!(status(ada.post("/admin/unlock").form(&wrong)).await, 403);
    let key = Board::admin_key(data.path());
    let page = ada.post("/admin/unlock").form(&[("key", &key)]).send().await.unwrap();
    assert_eq!((page.status(), page.url().path()), (StatusCode::OK, "/admin/"));
    assert_eq!(status(ada.get("/admin/none")).await, 404);

    let mut socket = ada.ws_connect("/live/board").send().await.unwrap();
    let _: Value = socket.receive_json().await.unwrap().unwrap();
    assert_eq!(status(ada.post("/admin/notice").form(&[("text", "high tide")])).await, 200);
    let told: Value = socket.receive_json().await.unwrap().unwrap();
    assert_eq!(told, json!({ "type": "notice", "name": "Ada", "text": "high tide" }));
    let note = json!({ "text": "over", "lane": "done" });
    assert_eq!(status(ada.post("/api/notes").json(&note)).await, 201);
    add(&ada, "stays").await;
    assert_eq!(status(ada.post("/admin/sweep")).await, 200);
    assert_eq!(notes(&ada).await.len(), 1);
}

#[test]
fn the_command_line_says_what_it_takes() {
    let help = program("showcase").arg("--help").output().unwrap();
    assert!(help.status.success());
    assert!(String::from_utf8(help.stdout).unwrap().contains("--passphrase WORDS"));
    for wrong in [&["--port", "many"][..], &["--nonsense", "x"], &["--data"]] {
        let told = program("showcase").args(wrong).output().unwrap();
        assert_eq!(told.status.code(), Some(2), "{wrong:?}");
        assert!(String::from_utf8(told.stderr).unwrap().starts_with("showcase: "));
    }
}
