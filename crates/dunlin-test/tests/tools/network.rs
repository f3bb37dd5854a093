use std::time::Duration;

use dunlin_client::{Client, ErrorKind, Timeouts};
use dunlin_core::{Request, Response, StateKey};
use dunlin_test::{NoService, TestClient, TestError, TestNetwork};
use dunlin_web::{App, HttpError, Result, WsUpgrade};

use crate::Log;

static CLIENT: StateKey<Client> = StateKey::new("client");

fn saying(text: &'static str) -> App {
    App::new().add_get("/", move || async move { text })
}

async fn text(client: &Client, url: &str) -> String {
    client.get(url).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn an_app_asks_services_that_are_apps() {
    /// The program under test.
    async fn forecast(req: Request) -> Result<String> {
        let asked = req.state(&CLIENT).get("https://weather.example/today").send().await;
        let answer = asked.map_err(|error| HttpError::bad_gateway().with_source(error))?;
        let today = answer.text().await.map_err(|_| HttpError::bad_gateway())?;
        Ok(format!("today: {today}"))
    }
    let log = Log::default();
    let mut network = TestNetwork::new();
    let weather = log.app().add_get("/today", || async { "rain" });
    network.service("weather.example", weather).await.unwrap();
    let app = App::new().state(&CLIENT, network.client().unwrap()).add_get("/", forecast);
    let client = TestClient::in_memory(app).await.unwrap();
    assert_eq!(text(&client, "/").await, "today: rain");
    client.stop().await.unwrap();
    assert_eq!(network.stop().await.unwrap().len(), 1);
    assert_eq!(log.text(), "startup shutdown cleanup");
}

#[tokio::test]
async fn the_most_exact_name_answers() {
    let mut network = TestNetwork::new();
    network.service("a.example", saying("any")).await.unwrap();
    network.service("a.example:81", saying("81")).await.unwrap();
    network.service("https://a.example", saying("tls")).await.unwrap();
    let client = network.client().unwrap();
    assert_eq!(text(&client, "http://a.example/").await, "any");
    assert_eq!(text(&client, "http://A.EXAMPLE:81/").await, "81");
    assert_eq!(text(&client, "https://a.example:81/").await, "81");
    assert_eq!(text(&client, "https://a.example/").await, "tls");
    assert_eq!(text(&client, "https://a.example:444/").await, "any");
}

#[tokio::test]
async fn mistakes_say_what_to_do() {
    let mut network = TestNetwork::new();
    network.service("a.example", saying("a")).await.unwrap();
    let error = network.service("A.example", saying("b")).await.unwrap_err();
    assert!(matches!(error, TestError::ServiceTwice { .. }), "{error}");
    let error = network.service("a.example/path", saying("b")).await.unwrap_err();
    assert!(error.to_string().contains("write \"api.example.com\""), "{error}");

    for url in ["http://b.example/", "https://b.example/"] {
        let error = network.client().unwrap().get(url).send().await.unwrap_err();
        let ErrorKind::Other(source) = error.kind() else { panic!("{error}") };
        assert_eq!(source.downcast_ref::<NoService>().unwrap().known, ["a.example"]);
    }
}

#[tokio::test]
async fn deadlines_and_web_sockets_are_those_of_the_wire() {
    async fn echo(upgrade: WsUpgrade) -> Response {
        upgrade.on_upgrade(|mut ws| async move {
            while let Some(Ok(message)) = ws.receive().await {
                ws.send(message).await.unwrap();
            }
        })
    }
    let app = App::new().add_get("/slow", std::future::pending::<()>).add_get("/ws", echo);
    let mut network = TestNetwork::new();
    network.service("a.example", app).await.unwrap();
    let read = Some(Duration::from_millis(50));
    let client = Client::builder().timeouts(Timeouts { read, ..Timeouts::default() });
    let client = network.join(client).build().unwrap();
    assert!(client.get("http://a.example/slow").send().await.unwrap_err().is_timeout());
    for url in ["ws://a.example/ws", "wss://a.example/ws"] {
        let mut ws = client.ws_connect(url).send().await.unwrap();
        ws.send("hello").await.unwrap();
        assert_eq!(ws.receive_text().await.unwrap().unwrap(), "hello");
    }
}
