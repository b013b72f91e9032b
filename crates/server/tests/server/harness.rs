//! A server process, and clients that send exactly what a test tells them to. Judges nothing.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::LazyLock,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket};

/// Longer than anything here takes on a busy machine: who waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const PASSWORD: &str = "correct horse";

/// A running server. It is killed when dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) data: TempDir,
}

/// One server for all tests that do not mind company.
pub(crate) fn shared() -> &'static Server {
    static SERVER: LazyLock<Server> =
        LazyLock::new(|| Server::launch(ending_with_us(), tempfile::tempdir().unwrap(), &["--store", "memory"]));
    &SERVER
}

/// Statics are never dropped: this server is killed when its standard input ends, and that ends with our process.
fn ending_with_us() -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", r#""$@" & read -r _; kill -9 $!"#, "sh", env!("CARGO_BIN_EXE_sesodocs")]).stdin(Stdio::piped());
    command
}

pub(crate) fn sesodocs() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sesodocs"));
    command.stdin(Stdio::null()).env_remove("SESODOCS_DATA");
    command
}

impl Server {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), args)
    }

    pub(crate) fn start_in(data: TempDir, args: &[&str]) -> Self {
        Self::launch(sesodocs(), data, args)
    }

    fn launch(mut command: Command, data: TempDir, args: &[&str]) -> Self {
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "warn"]);
        command.env("SESODOCS_MAX_SIGN_INS_PER_MINUTE", "100000");
        let mut child = command.arg("--data").arg(data.path()).args(args).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("SeSoDocs listens on http://");
        let address = address.unwrap_or_else(|| panic!("no address: {line:?}")).parse().unwrap();
        Self { child, address, data }
    }

    pub(crate) fn get(&self, path: &str) -> Request<'_> {
        self.request("GET", path)
    }

    pub(crate) fn post(&self, path: &str, body: Value) -> Request<'_> {
        self.request("POST", path).json(body)
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> Request<'_> {
        let request = Request { server: self, head: String::new(), body: Vec::new(), from: None, has_type: false };
        request.line(&format!("{method} {path} HTTP/1.1"))
    }

    /// Somebody new; signs up as a program.
    pub(crate) fn person(&self, name: &str) -> Person<'_> {
        let answer = self.post("/api/signup", json!({ "name": name, "password": PASSWORD })).send();
        assert_eq!(answer.status, 201, "{answer:?}");
        self.sign_in(name)
    }

    pub(crate) fn sign_in(&self, name: &str) -> Person<'_> {
        let body = json!({ "name": name, "password": PASSWORD, "token": true });
        let answer = self.post("/api/session", body).send();
        assert_eq!(answer.status, 200, "{answer:?}");
        Person { server: self, token: answer.json()["token"].as_str().unwrap().to_owned() }
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Somebody who is signed in.
#[derive(Clone)]
pub(crate) struct Person<'s> {
    server: &'s Server,
    pub(crate) token: String,
}

impl<'s> Person<'s> {
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send()
    }

    pub(crate) fn post(&self, path: &str, body: Value) -> Answer {
        self.request("POST", path).json(body).send()
    }

    pub(crate) fn patch(&self, path: &str, body: Value) -> Answer {
        self.request("PATCH", path).json(body).send()
    }

    pub(crate) fn put(&self, path: &str, body: Value) -> Answer {
        self.request("PUT", path).json(body).send()
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path).json(Value::Null).send()
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> Request<'s> {
        self.server.request(method, path).line(&format!("authorization: Bearer {}", self.token))
    }

    /// A new document's id.
    pub(crate) fn document(&self, title: &str) -> String {
        let answer = self.post("/api/documents", json!({ "title": title, "kind": "rich" }));
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn live(&self) -> Live {
        let mut live = Live::open(self.server, &[]);
        live.send(&format!("40/live,{}", json!({ "token": self.token })));
        live.until("40/live,");
        live
    }
}

/// A request in the making: `line` adds any line to its head.
pub(crate) struct Request<'s> {
    server: &'s Server,
    head: String,
    body: Vec<u8>,
    from: Option<IpAddr>,
    has_type: bool,
}

impl Request<'_> {
    pub(crate) fn line(mut self, line: &str) -> Self {
        write!(self.head, "{line}\r\n").unwrap();
        self.has_type |= line.starts_with("content-type");
        self
    }

    pub(crate) fn cookie(self, token: &str) -> Self {
        self.line(&format!("cookie: sesodocs={token}"))
    }

    /// With the origin of the server's own pages.
    pub(crate) fn with_own_origin(self) -> Self {
        let origin = format!("origin: http://{}", self.server.address);
        self.line(&origin)
    }

    pub(crate) fn json(self, body: Value) -> Self {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.line("content-type: application/json").body(body)
    }

    pub(crate) fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        let length = format!("content-length: {}", self.body.len());
        self.line(&length)
    }

    /// Sent from another address of this machine.
    pub(crate) fn from(mut self, address: &str) -> Self {
        self.from = Some(address.parse().unwrap());
        self
    }

    /// Sends it; the answer can be read later.
    pub(crate) fn begin(self) -> Pending {
        let stream = match self.from {
            None => self.server.connect(),
            Some(from) => {
                let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
                socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
                socket.connect(&self.server.address.into()).unwrap();
                let stream = TcpStream::from(socket);
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                stream
            }
        };
        let host =
            if self.head.contains("\r\nhost:") { String::new() } else { format!("host: {}\r\n", self.server.address) };
        let head = format!("{}{host}connection: close\r\n\r\n", self.head);
        (&stream).write_all(head.as_bytes()).unwrap();
        (&stream).write_all(&self.body).unwrap();
        Pending(stream)
    }

    pub(crate) fn send(self) -> Answer {
        self.begin().answer()
    }
}

pub(crate) struct Pending(TcpStream);

impl Pending {
    pub(crate) fn answer(mut self) -> Answer {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).unwrap();
        Answer::read(&bytes)
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        Self { status, headers, body: body.to_owned() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn is(&self, status: u16, code: &str) -> bool {
        self.status == status && self.json()["error"]["code"] == code
    }

    /// The token in the cookie that was set.
    pub(crate) fn cookie(&self) -> &str {
        let cookie = self.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {self:?}"));
        cookie.split(['=', ';']).nth(1).unwrap()
    }
}

/// A WebSocket that speaks Engine.IO, as text.
pub(crate) struct Live(WebSocket<TcpStream>);

impl Live {
    pub(crate) fn open(server: &Server, headers: &[(&str, &str)]) -> Self {
        Self::try_open(server, headers).unwrap()
    }

    /// Whether the server lets the WebSocket through at all; if not, the status.
    pub(crate) fn try_open(server: &Server, headers: &[(&str, &str)]) -> Result<Self, u16> {
        let uri = format!("ws://{}/socket.io/?EIO=4&transport=websocket", server.address);
        let mut request = tungstenite::ClientRequestBuilder::new(uri.parse().unwrap());
        for (name, value) in headers {
            request = request.with_header(*name, *value);
        }
        match tungstenite::client(request, server.connect()) {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
                Err(answer.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).unwrap();
    }

    /// The attachment of what was sent last.
    pub(crate) fn send_bytes(&mut self, bytes: Vec<u8>) {
        self.0.send(Message::binary(bytes)).unwrap();
    }

    /// The next attachment.
    pub(crate) fn bytes(&mut self) -> Vec<u8> {
        loop {
            match self.0.read().unwrap() {
                Message::Binary(bytes) => return bytes.to_vec(),
                Message::Text(text) if text.as_str() == "2" => self.send("3"),
                _ => {}
            }
        }
    }

    /// The next packet that begins so; `None` if the server closes first. Answers pings.
    pub(crate) fn next(&mut self, start: &str) -> Option<String> {
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < PATIENCE, "waited in vain for {start}");
            match self.0.read() {
                Ok(Message::Text(text)) if text.as_str() == "2" => self.send("3"),
                Ok(Message::Text(text)) if text.starts_with(start) => return Some(text.as_str().to_owned()),
                Ok(Message::Close(_)) => return None,
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    panic!("waited in vain for {start}")
                }
                Err(_) => return None,
            }
        }
    }

    pub(crate) fn until(&mut self, start: &str) -> String {
        self.next(start).unwrap_or_else(|| panic!("closed before {start}"))
    }
}

/// Runs `sesodocs person …` on a server's folder, with this on its standard input.
pub(crate) fn person_command(data: &Path, args: &[&str], input: &str) -> Output {
    let mut command = sesodocs();
    command.args(["person", "--data"]).arg(data).args(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
