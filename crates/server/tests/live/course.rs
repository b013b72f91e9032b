//! The course's pages against the server: who is where, whole texts that cross each other, and names. What each event looks like
//! to the official clients is tested from outside, in `e2e`.

use std::{collections::VecDeque, process::Command};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client::{Client, SOON, handshake},
    server::Server,
};

/// A page of the course, over a WebSocket.
struct Page {
    client: Client,
    namespace: &'static str,
    /// Events and acknowledgements that came: `[name, argument]`, `["ack", …]`.
    came: VecDeque<Value>,
}

impl Page {
    async fn at(server: &Server, namespace: &'static str, connect: Value) -> Self {
        let mut client = Client::over(handshake(server, &[]).await.unwrap());
        client.frame().await.unwrap();
        let connect = if namespace.is_empty() { String::new() } else { format!("{namespace},{connect}") };
        client.send(&format!("40{connect}")).await;
        Self { client, namespace, came: VecDeque::new() }
    }

    /// The door, where one signs up and in.
    async fn door(server: &Server) -> Self {
        let mut page = Self::at(server, "", Value::Null).await;
        page.next().await;
        page
    }

    /// A token of somebody, who is signed up if need be.
    async fn token(server: &Server, name: &str) -> Value {
        let mut door = Self::door(server).await;
        let who = json!({ "nome": name, "senha": "correct horse" });
        door.say(&json!(["cadastrar_usuario", who])).await;
        door.next().await;
        door.say(&json!(["autenticar_usuario", who])).await;
        let answer = door.next().await;
        assert_eq!(answer[0], "autenticacao_sucesso", "{answer}");
        answer[1].clone()
    }

    async fn with(server: &Server, token: &Value) -> Self {
        let mut page = Self::at(server, "/usuarios", json!({ "token": token })).await;
        assert_eq!(page.next().await[0], "connect");
        assert_eq!(page.next().await[0], "autorizacao_sucesso");
        page
    }

    async fn of(server: &Server, name: &str) -> Self {
        let token = Self::token(server, name).await;
        Self::with(server, &token).await
    }

    async fn say(&mut self, message: &Value) {
        let comma = if self.namespace.is_empty() { "" } else { "," };
        self.client.send(&format!("42{}{comma}{message}", self.namespace)).await;
    }

    /// As [`Page::say`], and asks for an acknowledgement.
    async fn ask(&mut self, message: &Value) {
        let comma = if self.namespace.is_empty() { "" } else { "," };
        self.client.send(&format!("42{}{comma}1{message}", self.namespace)).await;
    }

    async fn write(&mut self, document: &str, text: &str) {
        self.say(&json!(["texto_editor", { "nomeDocumento": document, "texto": text }])).await;
    }

    async fn select(&mut self, document: &str) {
        self.ask(&json!(["selecionar_documento", { "nomeDocumento": document, "nomeUsuario": "quem quiser" }])).await;
    }

    /// Enters a document; its text.
    async fn enter(&mut self, document: &str) -> String {
        self.select(document).await;
        loop {
            let came = self.next().await;
            match came[0].as_str() {
                Some("ack") => return came[1].as_str().unwrap_or_else(|| panic!("{came}")).to_owned(),
                Some("erro" | "usuario_ja_no_documento") => panic!("{came}"),
                _ => {}
            }
        }
    }

    /// What comes next.
    async fn next(&mut self) -> Value {
        if let Some(came) = self.came.pop_front() {
            return came;
        }
        let frame = timeout(SOON, self.client.frame()).await.expect("something comes").expect("the connection lasts");
        let text = frame.to_text().unwrap();
        let (kind, rest) = text.split_at(2);
        let rest = rest.strip_prefix(self.namespace).unwrap().trim_start_matches(',');
        let json = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
        match kind {
            "40" => json!(["connect"]),
            "41" => json!(["disconnect"]),
            "42" => json(rest),
            "43" => json!(["ack", json(rest.trim_start_matches(|c: char| c.is_ascii_digit()))[0]]),
            "44" => json!(["connect_error", json(rest)["message"]]),
            other => panic!("{other}: {text}"),
        }
    }

    /// The next event of this name; what comes before is skipped.
    async fn event(&mut self, name: &str) -> Value {
        loop {
            let came = self.next().await;
            if came[0] == name {
                return came[1].clone();
            }
        }
    }

    /// Waits until it is shown a text.
    async fn shows(&mut self, text: &str) {
        while self.event("texto_editor_clientes").await != text {}
    }

    /// Everything that came until the server has answered one more question.
    async fn settled(&mut self) -> Vec<Value> {
        self.ask(&json!(["isto não existe"])).await;
        let mut all = Vec::new();
        loop {
            match self.next().await {
                answer if answer[0] == "ack" => return all,
                refusal if refusal[0] == "erro" => {}
                came => all.push(came),
            }
        }
    }
}

/// Two people and a document.
async fn two(document: &str) -> (Server, Page, Page) {
    let server = Server::start(&[]);
    let (mut ana, bruno) = (Page::of(&server, "Ana").await, Page::of(&server, "Bruno").await);
    ana.say(&json!(["adicionar_documento", document])).await;
    assert_eq!(ana.event("adicionar_documento_interface").await, document);
    (server, ana, bruno)
}

#[tokio::test]
async fn a3_whoever_is_not_let_in_hears_the_words_that_the_page_knows() {
    let server = Server::start(&[]);
    let token = Page::token(&server, "Ana").await;
    let forged = token.as_str().unwrap().rsplit_once('.').unwrap().0.to_owned() + ".AAAA";
    let pages = server.token("Ana").await;
    for (auth, words) in [
        (json!({}), "jwt must be provided"),
        (json!({ "token": "" }), "jwt must be provided"),
        (json!({ "token": "x" }), "jwt malformed"),
        (json!({ "token": 7 }), "jwt malformed"),
        (json!({ "token": forged }), "invalid signature"),
        (json!({ "token": pages }), "jwt audience invalid"),
    ] {
        let mut page = Page::at(&server, "/usuarios", auth.clone()).await;
        assert_eq!(page.next().await, json!(["connect_error", words]), "{auth}");
    }
}

#[tokio::test]
async fn first_the_room_hears_who_is_inside_and_then_the_page_gets_the_text() {
    let (_server, mut ana, mut bruno) = two("Node").await;
    assert_eq!(ana.enter("Node").await, "");
    bruno.select("Node").await;
    let names = json!(["usuarios_no_documento", ["Ana", "Bruno"]]);
    let inside = |all: Vec<Value>| all.into_iter().find(|came| came[0] == "usuarios_no_documento");
    let mut order = Vec::new();
    while order.last().is_none_or(|came: &Value| came[0] != "ack") {
        order.push(bruno.next().await);
    }
    assert_eq!(order[order.len() - 2..], [names.clone(), json!(["ack", ""])]);
    assert_eq!(inside(ana.settled().await), Some(names));
    drop(ana);
    assert_eq!(bruno.event("usuarios_no_documento").await, json!(["Bruno"]));
}

#[tokio::test]
async fn a_second_tab_is_sent_home_and_who_signs_in_again_takes_over() {
    let (server, mut ana, mut bruno) = two("Node").await;
    let token = Page::token(&server, "Clara").await;
    let mut tab = Page::with(&server, &token).await;
    let mut second = Page::with(&server, &token).await;
    bruno.enter("Node").await;
    tab.enter("Node").await;
    second.select("Node").await;
    second.event("usuario_ja_no_documento").await;
    second.write("Node", "de uma página vazia").await;
    bruno.shows("de uma página vazia").await;
    tab.shows("de uma página vazia").await;
    tab.write("Node", "de uma página vazia e de Clara").await;
    bruno.shows("de uma página vazia e de Clara").await;

    let mut again = Page::of(&server, "Clara").await;
    assert_eq!(again.enter("Node").await, "de uma página vazia e de Clara");
    tab.event("usuario_ja_no_documento").await;
    drop(tab);
    ana.enter("Node").await;
    while bruno.event("usuarios_no_documento").await != json!(["Bruno", "Clara", "Ana"]) {}
}

#[tokio::test]
async fn texts_that_cross_each_other_are_merged() {
    let (_server, mut ana, mut bruno) = two("Node").await;
    ana.enter("Node").await;
    bruno.enter("Node").await;
    ana.write("Node", "uma linha\noutra linha\n").await;
    bruno.shows("uma linha\noutra linha\n").await;
    // Neither has seen what the other writes.
    ana.write("Node", "uma linha de Ana\noutra linha\n").await;
    bruno.write("Node", "uma linha\noutra linha de Bruno\n").await;
    let both = "uma linha de Ana\noutra linha de Bruno\n";
    ana.shows(both).await;
    bruno.shows(both).await;
}

#[tokio::test]
async fn what_was_written_offline_is_merged_when_the_page_is_back() {
    let (server, mut ana, mut bruno) = two("Node").await;
    let token = Page::token(&server, "Clara").await;
    let mut page = Page::with(&server, &token).await;
    page.enter("Node").await;
    ana.enter("Node").await;
    page.write("Node", "um\ndois\n").await;
    ana.shows("um\ndois\n").await;
    drop(page);
    ana.write("Node", "um!\ndois\n").await;
    bruno.enter("Node").await;

    // The client sends what it has kept before the page selects its document again.
    let mut page = Page::with(&server, &token).await;
    page.write("Node", "um\ndois\ntrês\n").await;
    page.write("Node", "um\ndois\ntrês\nquatro\n").await;
    assert_eq!(page.enter("Node").await, "um!\ndois\ntrês\nquatro\n");
    ana.shows("um!\ndois\ntrês\nquatro\n").await;
}

#[tokio::test]
async fn a_text_without_a_base_takes_nothing_away() {
    let (server, mut ana, _bruno) = two("Node").await;
    ana.enter("Node").await;
    ana.write("Node", "o que já estava").await;
    ana.settled().await;
    let mut early = Page::of(&server, "Clara").await;
    early.write("Node", "cedo").await;
    ana.shows("o que já estava\ncedo").await;
    assert_eq!(early.enter("Node").await, "o que já estava\ncedo");
}

#[tokio::test]
async fn names_are_unique_for_each_person_and_hidden_documents_have_none() {
    let (server, mut ana, mut bruno) = two("Plano").await;
    let owner = server.sign_up("Dora").await;
    for _ in 0..2 {
        server.create(&owner, "Plano").await;
    }
    assert_eq!(bruno.event("adicionar_documento_interface").await, "Plano");
    for name in ["Plano (2)", "Plano (3)"] {
        assert_eq!(ana.event("adicionar_documento_interface").await, name);
    }
    let secret = server.create(&owner, "Segredo").await;
    assert_eq!(ana.event("adicionar_documento_interface").await, "Segredo");
    ana.enter("Segredo").await;
    let private = json!({ "visibility": "private" });
    server.ask(&owner, "PATCH", &format!("/api/documents/{secret}"), private).await;
    assert_eq!(ana.event("excluir_documento_sucesso").await, "Segredo");
    ana.ask(&json!(["selecionar_documento", { "nomeDocumento": "Segredo" }])).await;
    assert_eq!(ana.event("ack").await, json!({ "erro": "Este documento não existe." }));
    ana.ask(&json!(["obter_documentos"])).await;
    let listed = ana.event("ack").await;
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|document| document["nome"].clone()).collect();
    assert_eq!(names, ["Plano", "Plano (2)", "Plano (3)"]);
}

#[tokio::test]
async fn who_is_inside_a_document_that_is_renamed_stays_and_one_that_is_deleted_goes() {
    let (server, mut ana, mut bruno) = two("outro").await;
    let owner = server.sign_up("Dora").await;
    let document = server.create(&owner, "Velho").await;
    assert_eq!(ana.enter("Velho").await, "");
    server.ask(&owner, "PATCH", &format!("/api/documents/{document}"), json!({ "title": "Novo" })).await;
    while bruno.event("excluir_documento_sucesso").await != "Velho" {}
    assert_eq!(ana.event("adicionar_documento_interface").await, "Novo");
    ana.write("Velho", "ainda aqui").await;
    assert_eq!(bruno.enter("Novo").await.len() % 10, 0, "empty or all of it");
    bruno.say(&json!(["excluir_documento", "Novo"])).await;
    let gone = [ana.event("excluir_documento_sucesso").await, ana.event("excluir_documento_sucesso").await];
    assert_eq!(gone, [json!("Novo"), json!("Velho")]);
}

#[tokio::test]
async fn a3_a_session_that_ends_elsewhere_ends_here_and_nothing_of_it_is_written_any_more() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_in(data.path());
    let (mut ana, mut bruno) = (Page::of(&server, "Ana").await, Page::of(&server, "Bruno").await);
    ana.say(&json!(["adicionar_documento", "Node"])).await;
    bruno.event("adicionar_documento_interface").await;
    ana.enter("Node").await;
    bruno.enter("Node").await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_sesodocs"));
    let disabled = command.args(["person", "--data"]).arg(data.path()).args(["disable", "Bruno"]).status().unwrap();
    assert!(disabled.success());
    while bruno.next().await[0] != "disconnect" {}
    let message = json!(["texto_editor", { "nomeDocumento": "Node", "texto": "tarde demais" }]);
    bruno.client.try_send(Message::text(format!("42/usuarios,{message}"))).await;
    bruno.client.ended(SOON).await;
    while ana.event("usuarios_no_documento").await != json!(["Ana"]) {}
    assert_eq!(Page::of(&server, "Clara").await.enter("Node").await, "");
}

#[tokio::test]
async fn what_was_written_while_the_server_began_anew_is_merged() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_in(data.path());
    let token = Page::token(&server, "Ana").await;
    let mut page = Page::with(&server, &token).await;
    page.say(&json!(["adicionar_documento", "Node"])).await;
    page.enter("Node").await;
    page.write("Node", "um\ndois\n").await;
    let mut bruno = Page::of(&server, "Bruno").await;
    while bruno.enter("Node").await != "um\ndois\n" {
        bruno = Page::of(&server, "Bruno").await;
    }
    drop(server);

    let server = Server::start_in(data.path());
    let mut bruno = Page::of(&server, "Bruno").await;
    bruno.enter("Node").await;
    bruno.write("Node", "um!\ndois\n").await;
    let mut page = Page::with(&server, &token).await;
    page.write("Node", "um\ndois\ntrês\n").await;
    bruno.shows("um!\ndois\ntrês\n").await;
    assert_eq!(page.enter("Node").await, "um!\ndois\ntrês\n");
}

#[tokio::test]
async fn without_an_account_documents_are_out_of_reach_unless_the_operator_opens_them() {
    let server = Server::start(&[]);
    let mut door = Page::door(&server).await;
    door.ask(&json!(["obter_documentos"])).await;
    let no = "É preciso entrar com um usuário.";
    assert_eq!(door.next().await, json!(["erro", { "mensagem": no }]));
    assert_eq!(door.next().await, json!(["ack", { "erro": no }]));

    let open = Server::start(&["--classic-anonymous"]);
    let (mut one, mut other) = (Page::door(&open).await, Page::door(&open).await);
    one.say(&json!(["adicionar_documento", "Node"])).await;
    assert_eq!(other.event("adicionar_documento_interface").await, "Node");
    for page in [&mut one, &mut other] {
        page.ask(&json!(["selecionar_documento", "Node"])).await;
        assert_eq!(page.event("ack").await, "");
    }
    one.write("Node", "de um").await;
    other.shows("de um").await;
    other.write("Node", "de um e de outro").await;
    one.shows("de um e de outro").await;
    let owner = open.sign_up("Dora").await;
    let session = open.ask(&owner, "GET", "/api/session", Value::Null).await.json();
    assert_eq!(session["person"]["owner"], true, "nobody signs in as the one who has no account");
}

#[tokio::test]
async fn a_page_that_floods_is_told_and_nobody_else_notices() {
    let (_server, mut ana, mut bruno) = two("Node").await;
    ana.enter("Node").await;
    for _ in 0..2_000 {
        let nonsense = Message::text(r#"42/usuarios,["texto_editor",{"nomeDocumento":{"$regex":".*"},"texto":7}]"#);
        bruno.client.socket.feed(nonsense).await.unwrap();
    }
    bruno.client.socket.flush().await.unwrap();
    ana.write("Node", "calma").await;
    assert_eq!(bruno.client.socket.next().await.map(|frame| frame.is_ok()), Some(true));
    ana.ask(&json!(["obter_documentos"])).await;
    assert_eq!(ana.event("ack").await[0]["nome"], "Node");
}
