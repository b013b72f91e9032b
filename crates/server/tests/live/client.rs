//! A Socket.IO client small enough to misbehave in every way: it shows and sends raw frames.

use std::{collections::VecDeque, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{self, Message, client::IntoClientRequest},
};

use crate::server::{Person, Server};

/// Longer than anything here may take, but for what says otherwise.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// An event with its attachments.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: Value,
    pub(crate) attachments: Vec<Vec<u8>>,
}

/// What comes from the server.
#[derive(Debug, Clone)]
pub(crate) enum Packet {
    Joined,
    Refused(Value),
    Left,
    Event(Event),
    Answer(u64, Value, Vec<Vec<u8>>),
}

/// A connection over a WebSocket.
pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_answer: u64,
    /// Came while something else was waited for.
    kept: VecDeque<Packet>,
}

/// Opens a WebSocket with these headers.
pub(crate) async fn handshake(
    server: &Server,
    headers: &[(&'static str, String)],
) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, tungstenite::Error> {
    handshake_for(server, headers, "").await
}

async fn handshake_for(
    server: &Server,
    headers: &[(&'static str, String)],
    session: &str,
) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, tungstenite::Error> {
    let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket{session}", server.address);
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    connect_async(request).await.map(|(socket, _)| socket)
}

impl Client {
    /// An Engine.IO session in which nobody has joined.
    pub(crate) async fn stranger(server: &Server) -> Self {
        let mut client = Self::over(handshake(server, &[]).await.unwrap());
        let opening = client.frame().await.unwrap();
        assert!(opening.to_text().unwrap().starts_with("0{"), "{opening}");
        client
    }

    /// As our pages connect.
    pub(crate) async fn of(server: &Server, who: &Person) -> Self {
        let mut client = Self::with_cookie(server, who).await;
        client.send("40/live,").await;
        assert!(matches!(client.packet().await, Some(Packet::Joined)));
        client
    }

    /// As [`Client::of`], as soon as the server has noticed that earlier connections have ended.
    pub(crate) async fn once_possible(server: &Server, who: &Person) -> Self {
        loop {
            let mut client = Self::with_cookie(server, who).await;
            client.send("40/live,").await;
            if matches!(client.packet().await, Some(Packet::Joined)) {
                return client;
            }
        }
    }

    /// With somebody's cookie, but not joined.
    pub(crate) async fn with_cookie(server: &Server, who: &Person) -> Self {
        let headers = [("cookie", who.cookie.clone()), ("origin", format!("http://{}", server.address))];
        let mut client = Self::over(handshake(server, &headers).await.unwrap());
        client.frame().await.unwrap();
        client
    }

    /// A WebSocket for a session that polls, which was asked whether it works.
    pub(crate) async fn probing(server: &Server, who: &Person, session: &str) -> Self {
        let headers = [("cookie", who.cookie.clone()), ("origin", format!("http://{}", server.address))];
        let mut client = Self::over(handshake_for(server, &headers, &format!("&sid={session}")).await.unwrap());
        client.send("2probe").await;
        assert_eq!(client.frame().await.unwrap().to_text().unwrap(), "3probe");
        client
    }

    /// A session that polled, on its WebSocket.
    pub(crate) async fn upgrading(server: &Server, who: &Person, session: &str) -> Self {
        let mut client = Self::probing(server, who, session).await;
        client.send("5").await;
        client
    }

    pub(crate) fn over(socket: WebSocketStream<MaybeTlsStream<TcpStream>>) -> Self {
        Self { socket, next_answer: 0, kept: VecDeque::new() }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// As [`Client::send`], to a server that may have hung up.
    pub(crate) async fn try_send(&mut self, message: Message) -> bool {
        timeout(SOON, self.socket.send(message)).await.is_ok_and(|sent| sent.is_ok())
    }

    /// The next frame that is no ping; `None` once the connection has ended.
    pub(crate) async fn frame(&mut self) -> Option<Message> {
        loop {
            let frame = self.socket.next().await;
            match frame {
                Some(Ok(Message::Text(text))) if text.as_str() == "2" => {
                    let _ = self.socket.send(Message::text("3")).await;
                }
                Some(Ok(Message::Text(text))) if text.as_str() == "1" => return None,
                Some(Ok(frame @ (Message::Text(_) | Message::Binary(_)))) => return Some(frame),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next packet with its attachments; `None` once the connection has ended.
    pub(crate) async fn packet(&mut self) -> Option<Packet> {
        if let Some(packet) = self.kept.pop_front() {
            return Some(packet);
        }
        self.fresh_packet().await
    }

    async fn fresh_packet(&mut self) -> Option<Packet> {
        let frame = timeout(SOON, self.frame()).await.expect("a packet comes soon")?;
        let text = frame.to_text().unwrap().strip_prefix('4').unwrap().to_owned();
        let (kind, rest) = text.split_at(1);
        let (count, rest) = match kind {
            "5" | "6" => rest.split_once('-').map(|(count, rest)| (count.parse().unwrap(), rest)).unwrap(),
            _ => (0, rest),
        };
        let rest = rest.strip_prefix("/live").unwrap_or(rest).trim_start_matches(',');
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, json) = rest.split_at(digits);
        let json: Value = if json.is_empty() { Value::Null } else { serde_json::from_str(json).unwrap() };
        let mut attachments = Vec::new();
        for _ in 0..count {
            let frame = timeout(SOON, self.frame()).await.expect("an attachment follows")?;
            attachments.push(frame.into_data().to_vec());
        }
        Some(match kind {
            "0" => Packet::Joined,
            "1" => Packet::Left,
            "2" | "5" => {
                let name = json[0].as_str().unwrap().to_owned();
                Packet::Event(Event { name, data: json[1].clone(), attachments })
            }
            "3" | "6" => Packet::Answer(number.parse().unwrap(), json[0].clone(), attachments),
            "4" => Packet::Refused(serde_json::from_str(json["message"].as_str().unwrap()).unwrap_or(json)),
            other => panic!("a packet of kind {other}"),
        })
    }

    /// The next event of this name; others are skipped.
    pub(crate) async fn event(&mut self, name: &str) -> Event {
        let is_it = |packet: &Packet| matches!(packet, Packet::Event(event) if event.name == name);
        if let Some(at) = self.kept.iter().position(is_it)
            && let Some(Packet::Event(event)) = self.kept.remove(at)
        {
            return event;
        }
        loop {
            match self.fresh_packet().await.expect("the connection lasts") {
                Packet::Event(event) if event.name == name => return event,
                _ => {}
            }
        }
    }

    /// Sends a request and does not wait; the number of its answer.
    pub(crate) async fn ask(&mut self, event: &str, data: &Value, attachment: Option<&[u8]>) -> u64 {
        self.next_answer += 1;
        let number = self.next_answer;
        let kind = if attachment.is_some() { "51-" } else { "2" };
        self.send(&format!("4{kind}/live,{number}{}", json!([event, data]))).await;
        if let Some(bytes) = attachment {
            self.socket.send(Message::binary(bytes.to_vec())).await.unwrap();
        }
        number
    }

    /// The answer with this number; events that come before are kept.
    pub(crate) async fn answer(&mut self, number: u64) -> Value {
        self.full_answer(number).await.0
    }

    pub(crate) async fn full_answer(&mut self, number: u64) -> (Value, Vec<Vec<u8>>) {
        loop {
            match self.fresh_packet().await.expect("the connection lasts") {
                Packet::Answer(this, data, attachments) if this == number => return (data, attachments),
                other => self.kept.push_back(other),
            }
        }
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn request(&mut self, event: &str, data: Value) -> Value {
        let number = self.ask(event, &data, None).await;
        self.answer(number).await
    }

    pub(crate) async fn open(&mut self, document: &str) -> Value {
        self.request("open", json!({ "doc": document, "schema": 1 })).await
    }

    /// Types one character; the answer's number.
    pub(crate) async fn type_at(&mut self, document: &str, writer: u32, clock: u32) -> u64 {
        let data = edit(document, writer, u64::from(clock) + 1);
        self.ask("edit", &data, Some(&typed(writer, clock, "x"))).await
    }

    /// Waits until the server has hung up.
    pub(crate) async fn ended(&mut self, within: Duration) {
        let all = async { while self.frame().await.is_some() {} };
        timeout(within, all).await.expect("the server hangs up");
    }
}

/// The object of an edit whose update is the first attachment.
pub(crate) fn edit(document: &str, writer: u32, n: u64) -> Value {
    json!({ "doc": document, "client": writer, "n": n, "update": { "_placeholder": true, "num": 0 } })
}

/// A Yjs update: this writer appends text to what it wrote so far, of so many characters.
pub(crate) fn typed(writer: u32, clock: u32, text: &str) -> Vec<u8> {
    let mut out = vec![1, 1];
    varint(&mut out, u64::from(writer));
    varint(&mut out, u64::from(clock));
    if clock == 0 {
        out.extend([0x04, 1, 4]);
        out.extend(b"text");
    } else {
        out.push(0x84);
        varint(&mut out, u64::from(writer));
        varint(&mut out, u64::from(clock - 1));
    }
    varint(&mut out, text.len() as u64);
    out.extend(text.as_bytes());
    out.push(0);
    out
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
