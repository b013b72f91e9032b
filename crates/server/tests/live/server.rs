//! The real server in a process of its own, with its data in memory, and just enough HTTP to make people and documents.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A server that ends with the test.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// Somebody who is signed in.
#[derive(Clone)]
pub(crate) struct Person {
    /// The value of the `cookie` header.
    pub(crate) cookie: String,
}

/// An answer over HTTP.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Server {
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::with(&[&["--store", "memory"], options].concat())
    }

    /// With its data in a folder.
    pub(crate) fn start_in(data: &Path) -> Self {
        Self::with(&["--data", &data.to_string_lossy()])
    }

    fn with(options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sesodocs"))
            .args(["serve", "--listen", "127.0.0.1:0", "--max-sign-ins-per-minute", "6000"])
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit_once("http://").unwrap().1.parse().unwrap();
        Self { child, address }
    }

    /// One request on a connection of its own.
    pub(crate) async fn call(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = [&[&format!("host: {}", self.address)[..], "connection: close"], headers].concat().join("\r\n");
        let length = body.len();
        let request = format!("{method} {path} HTTP/1.1\r\n{head}\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        Answer { status: head[9..12].parse().unwrap(), head: head.to_owned(), body: body.to_owned() }
    }

    /// A request of somebody who is signed in, as our own pages send it.
    pub(crate) async fn ask(&self, who: &Person, method: &str, path: &str, body: Value) -> Answer {
        let cookie = format!("cookie: {}", who.cookie);
        let origin = format!("origin: http://{}", self.address);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.call(method, path, &[&cookie, &origin, "content-type: application/json"], &body).await
    }

    pub(crate) async fn sign_up(&self, name: &str) -> Person {
        let body = json!({ "name": name, "password": "correct horse" }).to_string();
        let answer = self.call("POST", "/api/signup", &["content-type: application/json"], &body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let cookie = answer.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Person { cookie }
    }

    /// A program's token for somebody.
    pub(crate) async fn token(&self, name: &str) -> String {
        let body = json!({ "name": name, "password": "correct horse", "token": true }).to_string();
        let answer = self.call("POST", "/api/session", &["content-type: application/json"], &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// A new text document; its id.
    pub(crate) async fn create(&self, who: &Person, title: &str) -> String {
        let answer = self.ask(who, "POST", "/api/documents", json!({ "title": title, "kind": "text" })).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// What the server says is in a document.
    pub(crate) async fn text(&self, who: &Person, document: &str) -> String {
        self.ask(who, "GET", &format!("/api/documents/{document}/text"), Value::Null).await.body
    }

    /// Resident memory of the server, in KiB.
    pub(crate) fn memory_kib(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Asks the server to stop; how long it took.
    pub(crate) async fn stop(&mut self) -> Duration {
        let begun = Instant::now();
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        while self.child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(15), "the server does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        begun.elapsed()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
