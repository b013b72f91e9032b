//! Frames that no honest client sends. Each time: a clear error or a closed connection, and nobody else notices.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client::{Client, SOON, edit, typed},
    server::{Person, Server},
};

/// Somebody who works in a document while others misbehave.
struct Bystander {
    client: Client,
    document: String,
    clock: u32,
}

impl Bystander {
    async fn new(server: &Server, who: &Person) -> Self {
        let document = server.create(who, "Work").await;
        let mut client = Client::of(server, who).await;
        client.open(&document).await;
        Self { client, document, clock: 0 }
    }

    /// Types a character on the connection that was there before.
    async fn works_on(&mut self) {
        let number = self.client.type_at(&self.document, 5, self.clock).await;
        self.clock += 1;
        let answer = self.client.answer(number).await;
        assert_eq!(answer["seq"], self.clock, "{answer}");
    }
}

#[tokio::test]
async fn bad_payloads_of_every_event_get_a_clear_error_and_nothing_else_happens() {
    let server = Server::start(&[]);
    let ana = server.sign_up("Ana").await;
    let mut bystander = Bystander::new(&server, &ana).await;
    let document = bystander.document.clone();
    let mut client = Client::of(&server, &ana).await;
    client.open(&document).await;

    let odd = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!("x"),
        json!([]),
        json!({}),
        json!({ "$ne": 1 }),
    ];
    let good: [(&str, Value); 6] = [
        ("list", json!({ "after": null, "query": null, "sort": "changed", "trash": false })),
        ("open", json!({ "doc": document, "schema": 1, "cursor": { "seq": 0, "tag": "0123456789abcdef" } })),
        ("edit", {
            let mut it = edit(&document, 5, 1);
            it["part"] = json!(0);
            it["parts"] = json!(2);
            it
        }),
        ("confirm", json!({ "doc": document, "seq": 1, "part": 0 })),
        ("presence", json!({ "doc": document, "state": {} })),
        ("close", json!({ "doc": document })),
    ];
    for (event, payload) in &good {
        for whole in &odd {
            if whole.is_object() && *event == "list" {
                continue;
            }
            let answer = client.request(event, whole.clone()).await;
            assert_eq!(
                (&answer["error"]["code"], &answer["error"]["retry"]),
                (&json!("invalid"), &json!("never")),
                "{event} {whole}"
            );
        }
        for field in payload.as_object().unwrap().keys() {
            for value in &odd {
                let mut bad = payload.clone();
                bad[field] = value.clone();
                let number = client.ask(event, &bad, (*event == "edit").then_some(&[0, 0][..])).await;
                // What happens to be right has no answer of its own, or another one: the next request is answered all the same.
                let after = client.ask("nothing", &json!({}), None).await;
                let answer = client.answer(after).await;
                assert_eq!(answer["error"]["code"], "invalid", "{event} {field} {value} {number}");
            }
        }
    }
    for raw in ["[]", "[1]", "[\"edit\"]", "[\"edit\",1,2]", "[\"open\",{},{}]", "[\"\",{}]", "[\"__proto__\",{}]"] {
        let mut client = Client::of(&server, &ana).await;
        client.try_send(Message::text(format!("42/live,5{raw}"))).await;
        client.try_send(Message::text(format!("42/live,6{}", json!(["list", {}])))).await;
        while let Some(packet) = client.packet().await {
            match packet {
                crate::client::Packet::Answer(5, answer, _) => assert_eq!(answer["error"]["code"], "invalid", "{raw}"),
                crate::client::Packet::Answer(6, ..) => break,
                _ => {}
            }
        }
    }
    bystander.works_on().await;
}

#[tokio::test]
async fn presence_is_small_plain_json() {
    let server = Server::start(&[]);
    let ana = server.sign_up("Ana").await;
    let document = server.create(&ana, "Plan").await;
    let mut client = Client::of(&server, &ana).await;
    client.open(&document).await;
    let mut code = async |state: Value| {
        client.request("presence", json!({ "doc": document, "state": state })).await["error"]["code"].clone()
    };
    assert_eq!(code(json!({ "x": "y".repeat(1100) })).await, "too_large");
    assert_eq!(code(json!([1])).await, "invalid");
    // A Socket.IO client that is told this would hang up: it looks for an attachment that is not there.
    assert_eq!(code(json!({ "a": [{ "_placeholder": true, "num": 9 }] })).await, "invalid");
}

#[tokio::test]
async fn frames_that_are_not_engine_io_end_their_own_connection_alone() {
    let server = Server::start(&[]);
    let ana = server.sign_up("Ana").await;
    let mut bystander = Bystander::new(&server, &ana).await;
    let frames = [
        Message::text("hello"),
        Message::text(""),
        Message::text("9"),
        Message::text("4"),
        Message::text("49"),
        Message::text("45"),
        Message::text("4599999999999999999999-[\"a\"]"),
        Message::text("452-[\"a\",{\"_placeholder\":true,\"num\":0}]"),
        Message::text("42/live,{\"a\":"),
        Message::text("42/live,99999999999999999999[\"a\"]"),
        Message::text("\u{1e}\u{0}é"),
        Message::binary(vec![]),
        Message::binary(vec![0xff; 3000]),
        Message::text(format!("42/live,[\"edit\",{}{}]", "[".repeat(20_000), "]".repeat(20_000))),
        Message::text("{\"a\":".repeat(10_000)),
    ];
    for joined in [false, true] {
        for frame in &frames {
            let mut client = if joined { Client::of(&server, &ana).await } else { Client::stranger(&server).await };
            client.try_send(frame.clone()).await;
            client.try_send(Message::text("hello again")).await;
            client.ended(SOON).await;
            bystander.works_on().await;
        }
    }
}

#[tokio::test]
async fn a_message_of_60_mb_is_not_even_read() {
    let server = Server::start(&[]);
    let ana = server.sign_up("Ana").await;
    let mut bystander = Bystander::new(&server, &ana).await;
    let before = server.memory_kib();
    for joined in [false, true] {
        let mut client = if joined { Client::of(&server, &ana).await } else { Client::stranger(&server).await };
        client.try_send(Message::binary(vec![1; 60 << 20])).await;
        client.ended(SOON).await;
    }
    let mut early = Client::stranger(&server).await;
    early.try_send(Message::text(format!("40/live,{}", json!({ "token": "x".repeat(65 << 10) })))).await;
    early.ended(SOON).await;
    bystander.works_on().await;
    let grown = server.memory_kib().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB more");
}

#[tokio::test]
async fn an_attachment_that_never_comes_ends_the_connection() {
    let server = Server::start(&[]);
    let ana = server.sign_up("Ana").await;
    let mut bystander = Bystander::new(&server, &ana).await;
    let announced = format!("451-/live,1{}", json!(["edit", edit(&bystander.document, 9, 1)]));
    let mut silent = Client::of(&server, &ana).await;
    silent.send(&announced).await;
    let mut hasty = Client::of(&server, &ana).await;
    hasty.send(&announced).await;
    hasty.try_send(Message::text(announced.clone())).await;
    hasty.ended(SOON).await;
    bystander.works_on().await;
    // It answers every ping, and so it would stay for ever.
    silent.ended(Duration::from_secs(40)).await;
    assert_eq!(server.text(&ana, &bystander.document).await, "x");
}

#[tokio::test]
async fn b3_a_flood_of_strangers_harms_nobody() {
    const STRANGERS: usize = 5000;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let more = rustix::process::Rlimit { current: limit.maximum, ..limit };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, more).unwrap();

    let server = Server::start(&[]);
    let ana = server.sign_up("Ana").await;
    let mut bystander = Bystander::new(&server, &ana).await;
    let before = server.memory_kib();
    let mut strangers = Vec::new();
    for round in 0..STRANGERS / 100 {
        let handshake = async || {
            let mut stream = TcpStream::connect(server.address).await.ok()?;
            let request = format!(
                "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: {}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
                 sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
                server.address
            );
            stream.write_all(request.as_bytes()).await.ok()?;
            let mut start = [0; 12];
            stream.read_exact(&mut start).await.ok()?;
            Some(stream)
        };
        strangers.extend(join_all((0..100).map(|_| handshake())).await);
        if round % 10 == 0 {
            bystander.works_on().await;
        }
    }
    bystander.works_on().await;
    let mut late = Bystander::new(&server, &ana).await;
    late.works_on().await;
    let grown = server.memory_kib().saturating_sub(before);
    assert!(grown < 64 << 10, "{grown} KiB more");
    assert!(strangers.iter().filter(|stranger| stranger.is_some()).count() > STRANGERS / 2);
}

#[tokio::test]
async fn b3_sessions_that_are_opened_by_polling_and_left_cost_little() {
    let server = Server::start(&[]);
    let ana = server.sign_up("Ana").await;
    let mut bystander = Bystander::new(&server, &ana).await;
    let before = server.memory_kib();
    for _ in 0..30 {
        bystander.works_on().await;
        let open = || server.call("GET", "/socket.io/?EIO=4&transport=polling", &[], "");
        join_all((0..100).map(|_| open())).await;
    }
    bystander.works_on().await;
    let grown = server.memory_kib().saturating_sub(before);
    assert!(grown < 32 << 10, "{grown} KiB more");
}

#[tokio::test]
async fn mutated_messages_harm_nobody() {
    let server = Server::start(&[]);
    let ana = server.sign_up("Ana").await;
    let mut bystander = Bystander::new(&server, &ana).await;
    let victim = server.create(&ana, "Victim").await;
    let mut random = Random(0x5e50_d0c5);
    println!("seed {:#x}", random.0);
    let messages = [
        format!("42/live,1{}", json!(["open", { "doc": victim, "schema": 1 }])),
        format!("42/live,2{}", json!(["list", { "query": "a", "sort": "title" }])),
        format!("42/live,{}", json!(["confirm", { "doc": victim, "seq": 1 }])),
        format!("42/live,3{}", json!(["presence", { "doc": victim, "state": { "a": [1, { "b": null }] } }])),
        format!("451-/live,4{}", json!(["edit", edit(&victim, 9, 1)])),
        "40/live,{\"token\":\"x\"}".to_owned(),
        "3".to_owned(),
    ];
    for round in 0..150 {
        if round % 10 == 0 {
            bystander.works_on().await;
        }
        let mut client = Client::once_possible(&server, &ana).await;
        for _ in 0..20 {
            let mut text = messages[random.below(messages.len())].clone().into_bytes();
            random.mutate(&mut text);
            let mut sent = client.try_send(Message::text(String::from_utf8_lossy(&text).into_owned())).await;
            if random.below(2) == 0 {
                let mut update = typed(9, 0, "hello");
                random.mutate(&mut update);
                sent &= client.try_send(Message::binary(update)).await;
            }
            if !sent {
                break;
            }
        }
    }
    bystander.works_on().await;
    assert_eq!(server.text(&ana, &bystander.document).await, "x".repeat(16));
}

/// Seeded numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    /// Changes, cuts, doubles or inserts a few bytes; now and then nothing.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..self.below(4) {
            let at = self.below(bytes.len() + 1);
            match self.below(4) {
                0 if at < bytes.len() => bytes[at] = self.below(256) as u8,
                1 => bytes.truncate(at),
                2 => bytes.extend_from_within(..at.min(bytes.len())),
                _ => bytes.insert(at, b"\"{}[],:0-9/\\x1e"[self.below(15)]),
            }
        }
    }
}
