//! The same without a WebSocket, and on the way from one to the other.

use serde_json::{Value, json};

use crate::{
    client::{Client, SOON},
    server::{Answer, Person, Server},
};

/// A session that polls.
struct Polling<'s> {
    server: &'s Server,
    who: &'s Person,
    id: String,
}

impl<'s> Polling<'s> {
    async fn open(server: &'s Server, who: &'s Person) -> Self {
        let mut polling = Self { server, who, id: String::new() };
        let opening = polling.call("GET", "").await;
        let opening: Value = serde_json::from_str(opening.body.strip_prefix('0').unwrap()).unwrap();
        assert_eq!((&opening["pingInterval"], &opening["pingTimeout"]), (&json!(5000), &json!(4000)));
        polling.id = opening["sid"].as_str().unwrap().to_owned();
        polling
    }

    async fn call(&self, method: &str, body: &str) -> Answer {
        let session = if self.id.is_empty() { String::new() } else { format!("&sid={}", self.id) };
        let path = format!("/socket.io/?EIO=4&transport=polling{session}");
        let (cookie, origin) =
            (format!("cookie: {}", self.who.cookie), format!("origin: http://{}", self.server.address));
        self.server.call(method, &path, &[&cookie, &origin, "content-type: text/plain"], body).await
    }

    async fn joined(server: &'s Server, who: &'s Person) -> Self {
        let polling = Self::open(server, who).await;
        assert_eq!(polling.call("POST", "40/live,").await.status, 200);
        while !polling.call("GET", "").await.body.contains("40/live,{\"sid\"") {}
        polling
    }
}

#[tokio::test]
async fn a_polling_client_opens_and_writes() {
    let server = Server::start(&[]);
    let ana = server.sign_up("Ana").await;
    let document = server.create(&ana, "Plan").await;
    let polling = Polling::joined(&server, &ana).await;
    let open = format!("42/live,1{}", json!(["open", { "doc": document, "schema": 1 }]));
    // The update `typed(5, 0, "x")` in Base64, as attachments travel here.
    let edit = json!(["edit", { "doc": document, "client": 5, "n": 1, "update": { "_placeholder": true, "num": 0 } }]);
    let body = format!("{open}\x1e451-/live,2{edit}\x1ebAQEFAAQBBHRleHQBeAA=");
    assert_eq!(polling.call("POST", &body).await.status, 200);
    let mut answers = String::new();
    while !answers.contains("43/live,2") {
        answers += &polling.call("GET", "").await.body;
    }
    assert!(answers.contains("461-/live,1["), "{answers}");
    assert_eq!(server.text(&ana, &document).await, "x");
}

#[tokio::test]
async fn a_polling_client_goes_on_as_a_websocket() {
    let server = Server::start(&[]);
    let ana = server.sign_up("Ana").await;
    let document = server.create(&ana, "Plan").await;
    let polling = Polling::joined(&server, &ana).await;
    let mut client = Client::upgrading(&server, &ana, &polling.id).await;
    assert_eq!(client.open(&document).await["role"], "owner");
    let number = client.type_at(&document, 5, 0).await;
    assert_eq!(client.answer(number).await["seq"], 1);

    // Who begins to upgrade and leaves is gone: nothing remains that polls for ever.
    let polling = Polling::joined(&server, &ana).await;
    let mut half = Client::probing(&server, &ana, &polling.id).await;
    half.try_send(tokio_tungstenite::tungstenite::Message::text("what?")).await;
    half.ended(SOON).await;
    while polling.call("GET", "").await.status == 200 {}
}

#[tokio::test]
async fn a_polling_session_that_leaves_or_misbehaves_is_over() {
    let server = Server::start(&[]);
    let ana = server.sign_up("Ana").await;
    let left = Polling::joined(&server, &ana).await;
    left.call("POST", "1").await;
    assert_eq!(left.call("GET", "").await.status, 400);

    let early = Polling::open(&server, &ana).await;
    assert_eq!(early.call("POST", &"4".repeat(65 << 10)).await.status, 413);
    assert_eq!(early.call("GET", "").await.status, 400);

    let large = Polling::joined(&server, &ana).await;
    assert_eq!(large.call("POST", &"4".repeat(5 << 20)).await.status, 413);
    assert_eq!(large.call("GET", "").await.status, 400);

    let unknown = Polling { server: &server, who: &ana, id: "AAAAAAAAAAAAAAAA".into() };
    assert_eq!(unknown.call("GET", "").await.status, 400);
    for query in ["", "?EIO=3&transport=polling", "?EIO=4&transport=carrier", "?EIO=4"] {
        assert_eq!(server.call("GET", &format!("/socket.io/{query}"), &[], "").await.status, 400, "{query}");
    }
    assert_eq!(server.call("PUT", "/socket.io/?EIO=4&transport=polling", &[], "").await.status, 400);
}
