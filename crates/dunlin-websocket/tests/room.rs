//! Rooms: order, compression that is shared, members that are slow, the end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dunlin_core::Request;
use dunlin_server::Server;
use dunlin_websocket::{
    CloseCode, Config, Error, Membership, Message, Role, Room, RoomConfig, ServerHandshake,
    SlowPolicy, WebSocket,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;

/// A member whose handler receives, and its client's socket.
fn member(room: &Room, config: Config) -> WebSocket {
    let (server, client) = duplex(1 << 16);
    seat(room, WebSocket::new(server, Role::Server, config.clone()));
    WebSocket::new(client, Role::Client, config)
}

/// A member whose client is bare.
fn bare(room: &Room, buffer: usize) -> DuplexStream {
    let (server, client) = duplex(buffer);
    seat(room, WebSocket::new(server, Role::Server, Config::default()));
    client
}

fn seat(room: &Room, mut ws: WebSocket) {
    let membership = room.join(&mut ws);
    tokio::spawn(async move {
        while let Some(Ok(message)) = ws.receive().await {
            membership.broadcast_to_others(message);
        }
    });
}

async fn text(ws: &mut WebSocket) -> String {
    ws.receive_text().await.unwrap().unwrap().to_string()
}

#[cfg(feature = "json")]
#[tokio::test]
async fn values_are_said_as_json() {
    let room = Room::default();
    let (server, client) = duplex(1 << 16);
    let mut server = WebSocket::new(server, Role::Server, Config::default());
    let mut client = WebSocket::new(client, Role::Client, Config::default());
    let membership = room.join(&mut server);
    let mut other = member(&room, Config::default());
    assert_eq!(room.broadcast_json(&("all", 1)).unwrap(), 2);
    assert_eq!(membership.broadcast_json_to_others(&("others", 2)).unwrap(), 1);
    let no_form = std::collections::BTreeMap::from([((1, 2), 3)]);
    assert!(matches!(room.broadcast_json(&no_form), Err(Error::Json(_))));
    assert!(matches!(membership.broadcast_json_to_others(&no_form), Err(Error::Json(_))));
    tokio::spawn(async move { while let Some(Ok(_)) = server.receive().await {} });
    for expected in [r#"["all",1]"#, r#"["others",2]"#] {
        assert_eq!(text(&mut other).await, expected);
    }
    assert_eq!(text(&mut client).await, r#"["all",1]"#);
    let message = Message::Binary(Bytes::from_static(b"[7]"));
    assert_eq!(message.json::<Vec<u8>>().unwrap(), [7]);
    assert!(matches!(message.json::<String>(), Err(Error::Json(_))));
}

#[tokio::test]
async fn what_is_said_reaches_every_other_member_in_order() {
    let room = Room::default();
    let mut members: Vec<_> = (0..3).map(|_| member(&room, Config::default())).collect();
    assert_eq!(room.len(), 3);
    for count in 0..100 {
        members[0].feed(format!("{count}")).await.unwrap();
    }
    members[0].flush().await.unwrap();
    let [first, others @ ..] = &mut members[..] else { unreachable!() };
    for other in others {
        for count in 0..100 {
            assert_eq!(text(other).await, format!("{count}"));
        }
    }
    assert_eq!(room.broadcast("to all"), 3);
    assert_eq!(text(first).await, "to all", "nobody hears what it has said itself");
    drop(members);
    while !room.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(room.broadcast("to nobody"), 0);
}

#[tokio::test]
async fn a_socket_hears_every_room_that_it_is_in_until_it_leaves() {
    let (calm, busy) = (Room::default(), Room::default());
    let (server, client) = duplex(1 << 16);
    let mut ws = WebSocket::new(server, Role::Server, Config::default());
    let memberships = [calm.join(&mut ws), busy.join(&mut ws)];
    for _ in 0..5 {
        busy.broadcast("busy");
    }
    calm.broadcast("calm");
    let handler = tokio::spawn(async move { ws.receive().await.is_none() });
    let mut client = WebSocket::new(client, Role::Client, Config::default());
    let mut heard = Vec::new();
    for _ in 0..6 {
        heard.push(text(&mut client).await);
    }
    let at = heard.iter().position(|message| message == "calm");
    assert!(at.is_some_and(|at| at < 2), "a busy room does not keep another waiting: {heard:?}");
    let [one, other] = memberships;
    drop(other);
    assert_eq!((busy.broadcast("unheard"), calm.broadcast("heard")), (0, 1));
    assert_eq!(text(&mut client).await, "heard");
    client.close(CloseCode::NORMAL, "").await.unwrap();
    assert!(handler.await.unwrap());
    assert_eq!((calm.len(), one.queued()), (0, 0), "who is closed has left");
}

#[tokio::test]
async fn halves_of_a_socket_hear_their_room() {
    let room = Room::default();
    let (server, client) = duplex(1 << 16);
    let mut ws = WebSocket::new(server, Role::Server, Config::default());
    let _membership = room.join(&mut ws);
    let (mut sender, mut receiver) = ws.split();
    tokio::spawn(async move { receiver.receive().await });
    tokio::task::yield_now().await;
    room.broadcast("from the room");
    let mut client = WebSocket::new(client, Role::Client, Config::default());
    assert_eq!(text(&mut client).await, "from the room");
    sender.send("from the half").await.unwrap();
    assert_eq!(text(&mut client).await, "from the half");
}

#[tokio::test]
async fn a_message_that_is_sent_in_parts_is_not_broken_into() {
    let room = Room::default();
    let (server, client) = duplex(1 << 16);
    let mut ws = WebSocket::new(server, Role::Server, Config::default());
    let _membership = room.join(&mut ws);
    ws.send_part("in ", false).await.unwrap();
    room.broadcast("between");
    let short = Duration::from_millis(50);
    assert!(tokio::time::timeout(short, ws.receive()).await.is_err());
    ws.send_part("parts", true).await.unwrap();
    assert!(tokio::time::timeout(short, ws.receive()).await.is_err());
    let mut client = WebSocket::new(client, Role::Client, Config::default());
    assert_eq!(
        (text(&mut client).await, text(&mut client).await),
        ("in parts".into(), "between".into())
    );
}

/// The half that hears the room waits for something else by then.
#[tokio::test]
async fn what_was_said_meanwhile_follows_a_message_that_a_half_sends_in_parts() {
    let room = Room::default();
    let (server, client) = duplex(1 << 16);
    let mut ws = WebSocket::new(server, Role::Server, Config::default());
    let _membership = room.join(&mut ws);
    let (mut sender, mut receiver) = ws.split();
    tokio::spawn(async move { receiver.receive().await });
    sender.send_part("in ", false).await.unwrap();
    room.broadcast("between");
    tokio::time::sleep(Duration::from_millis(20)).await;
    sender.send_part("parts", true).await.unwrap();
    let mut client = WebSocket::new(client, Role::Client, Config::default());
    assert_eq!(text(&mut client).await, "in parts");
    let next = tokio::time::timeout(Duration::from_secs(30), text(&mut client)).await;
    assert_eq!(next.expect("it waits for another message"), "between");
}

#[tokio::test]
async fn more_than_fits_the_sockets_queue_is_sent_all_the_same() {
    let room = Room::new(RoomConfig { max_queued: 64 << 20, ..RoomConfig::default() });
    let config = Config { high_water: 4000, ..Config::default() };
    let mut client = member(&room, config);
    // One for each way of keeping a frame: copied, and beside its header.
    let sizes = [0, 100, 4096, 4097, 65_536, 300_000];
    for size in sizes.repeat(5) {
        room.broadcast(vec![7; size]);
    }
    for size in sizes.repeat(5) {
        assert_eq!(client.receive_binary().await.unwrap().unwrap(), vec![7; size]);
    }
}

#[tokio::test]
async fn who_does_not_read_is_still_listened_to() {
    let room = Room::new(RoomConfig { slow: SlowPolicy::DropOldest, ..RoomConfig::default() });
    let mut slow = bare(&room, 1000);
    let mut other = member(&room, Config::default());
    for _ in 0..10 {
        room.broadcast(vec![7; 50_000]);
        other.receive_binary().await.unwrap().unwrap();
    }
    for _ in 0..3 {
        slow.write_all(&[0x81, 0x82, 0, 0, 0, 0, b'h', b'i']).await.unwrap();
        let heard = tokio::time::timeout(Duration::from_secs(30), text(&mut other)).await;
        assert_eq!(heard.expect("it is not listened to"), "hi");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_too_slow_is_closed_with_1013() {
    let room = Room::new(RoomConfig { max_queued: 10_000, slow: SlowPolicy::Close });
    let (server, mut io) = duplex(1000);
    let mut ws = WebSocket::new(server, Role::Server, Config::default());
    let membership: Membership = room.join(&mut ws);
    let handler = tokio::spawn(async move { (ws.receive().await, membership.missed()) });
    let mut sent = 0;
    while !room.is_empty() {
        room.broadcast(vec![7; 500]);
        tokio::task::yield_now().await;
        sent += 1;
        assert!(sent < 1000, "64 KiB in the socket, 10 kB in the room");
    }
    // It reads on at last, and finds what was under way and why there is no more.
    let mut all = vec![0; 1 << 20];
    let mut len = 0;
    while !all[..len].ends_with(b"\x03\xf5too slow") {
        len += io.read(&mut all[len..]).await.unwrap();
    }
    assert_eq!(all[..4], [0x82, 126, 1, 0xf4]);
    // A close frame with a mask of zeros.
    io.write_all(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xf5]).await.unwrap();
    drop(io);
    let (ended, missed) = handler.await.unwrap();
    assert!(ended.is_none() && missed > 10, "{ended:?} {missed}");
}

#[tokio::test]
async fn a_closed_room_closes_its_members_after_what_was_said() {
    let room = Room::default();
    let mut client = member(&room, Config::default());
    room.broadcast("last words");
    room.close(CloseCode::RESTART, "back soon");
    assert_eq!(text(&mut client).await, "last words");
    assert!(client.receive().await.is_none());
    let said = client.close_frame().unwrap();
    assert_eq!((said.code, said.reason.as_str()), (CloseCode::RESTART, "back soon"));
    let mut late = member(&room, Config::default());
    assert!(late.receive().await.is_none());
    assert_eq!(late.close_frame().unwrap().code, CloseCode::RESTART);
    assert_eq!((room.len(), room.broadcast("unheard")), (0, 0));
}

#[tokio::test]
async fn a_socket_that_is_closed_cannot_stay() {
    let room = Room::default();
    let (server, client) = duplex(1000);
    let mut ws = WebSocket::new(server, Role::Server, Config::default());
    drop(client);
    assert!(ws.receive().await.unwrap().is_err());
    let membership = room.join(&mut ws);
    assert_eq!((room.broadcast("unheard"), membership.queued()), (0, 0));
}

#[tokio::test]
async fn members_are_told_1001_when_their_server_shuts_down() {
    let room = Room::default();
    let own = room.clone();
    let service = move |req: Request| {
        let room = own.clone();
        std::future::ready(ServerHandshake::default().respond(&req, move |mut ws| async move {
            let _membership = room.join(&mut ws);
            while let Some(Ok(_)) = ws.receive().await {}
        }))
    };
    let server = Server::builder().bind("127.0.0.1:0").start(service).await.unwrap();
    let address = server.addresses()[0];
    let (told, mut codes) = mpsc::channel(10);
    for _ in 0..10 {
        let told = told.clone();
        let client = dunlin_client::Client::new();
        let handshake = dunlin_websocket::ClientHandshake::new(Config::default());
        let headers = handshake.headers().into_iter().collect();
        let response =
            client.get(format!("http://{address}/")).headers(headers).send().await.unwrap();
        let confirmed = handshake.check(response.head()).unwrap();
        let mut ws = confirmed.open(response.into_upgraded().unwrap());
        tokio::spawn(async move {
            while let Some(Ok(_)) = ws.receive().await {}
            told.send(ws.close_frame().unwrap().code).await.unwrap();
        });
    }
    while room.len() < 10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.shutdown().await.unwrap().cut, 0);
    for _ in 0..10 {
        assert_eq!(codes.recv().await, Some(CloseCode::GOING_AWAY));
    }
    assert!(room.is_empty());
}

/// One of a thousand never reads. The next message is said once all others have had the last.
#[tokio::test]
async fn a_slow_member_of_a_thousand_delays_nobody() {
    const MEMBERS: usize = 1000;
    const MESSAGES: usize = 120;
    for slow in [SlowPolicy::DropOldest, SlowPolicy::DropNewest, SlowPolicy::Close] {
        let config = RoomConfig { max_queued: 40_000, slow };
        let room = Room::new(config);
        let stuck = bare(&room, 100);
        let payload = Bytes::from(vec![7; 1000]);
        let (read, mut reads) = mpsc::channel(MEMBERS);
        for _ in 1..MEMBERS {
            let mut io = bare(&room, 1 << 16);
            let (read, payload) = (read.clone(), payload.clone());
            tokio::spawn(async move {
                let mut frame = vec![0; 1004];
                loop {
                    io.read_exact(&mut frame).await.unwrap();
                    assert_eq!(frame[4..], payload);
                    read.send(()).await.unwrap();
                }
            });
        }
        for nth in 0..MESSAGES {
            let count = room.broadcast(payload.clone());
            assert!(count >= MEMBERS - 1, "{count}");
            for _ in 1..MEMBERS {
                let next = tokio::time::timeout(Duration::from_secs(60), reads.recv()).await;
                next.unwrap_or_else(|_| panic!("somebody waits for message {nth}"));
            }
        }
        // 64 KiB of its socket and 40 kB of the room were not enough for 120 kB.
        assert_eq!(room.len(), if slow == SlowPolicy::Close { MEMBERS - 1 } else { MEMBERS });
        drop(stuck);
    }
}

#[tokio::test]
async fn a_socket_of_a_client_is_a_member_too() {
    let room = Room::default();
    let (server, client) = duplex(1 << 16);
    let mut ws = WebSocket::new(client, Role::Client, Config::default());
    let _membership = room.join(&mut ws);
    tokio::spawn(async move { ws.receive().await });
    tokio::task::yield_now().await;
    room.broadcast("masked for each");
    room.broadcast(vec![7; 20_000]);
    let mut server = WebSocket::new(server, Role::Server, Config::default());
    let first: Result<Message, Error> = server.receive().await.unwrap();
    assert_eq!(first.unwrap(), Message::from("masked for each"));
    assert_eq!(server.receive_binary().await.unwrap().unwrap(), vec![7; 20_000]);
}

#[test]
fn rooms_and_memberships_cross_threads() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Room>();
    is_shared::<Arc<Membership>>();
}
