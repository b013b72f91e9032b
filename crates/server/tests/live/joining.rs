//! Who is let in, and who must go.

use serde_json::json;
use tokio_tungstenite::tungstenite;

use crate::{
    client::{Client, Packet, SOON, edit, handshake, typed},
    server::{Person, Server},
};

/// What a connection is refused with.
async fn refusal(client: &mut Client, connect: &str) -> String {
    client.send(connect).await;
    match client.packet().await {
        Some(Packet::Refused(fault)) => {
            assert!(fault["message"].as_str().unwrap().len() > 5 && fault["retry"].is_string(), "{fault}");
            fault["code"].as_str().unwrap().to_owned()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn nobody_joins_without_a_session() {
    let server = Server::start(&[]);
    let mut client = Client::stranger(&server).await;
    assert_eq!(refusal(&mut client, "40/live,").await, "unauthenticated");
    assert_eq!(refusal(&mut client, "40/live,{\"token\":\"a.b.c\"}").await, "unauthenticated");
    assert_eq!(refusal(&mut client, "40/live,{\"token\":7}").await, "invalid");
    let forged = Person { cookie: "sesodocs=a.b.c".into() };
    let mut client = Client::with_cookie(&server, &forged).await;
    assert_eq!(refusal(&mut client, "40/live,").await, "unauthenticated");
}

#[tokio::test]
async fn there_are_no_namespaces_but_the_known_ones() {
    let server = Server::start(&["--no-classic"]);
    let ana = server.sign_up("Ana").await;
    for namespace in ["", "/,", "/usuarios,", "/live2,", "/live/x,"] {
        let mut client = Client::with_cookie(&server, &ana).await;
        client.send(&format!("40{namespace}")).await;
        let answer = client.frame().await.unwrap();
        assert!(answer.to_text().unwrap().starts_with("44"), "{namespace}: {answer}");
    }
}

#[tokio::test]
async fn a2_a_token_counts_and_the_cookie_beside_it_does_not() {
    let server = Server::start(&[]);
    let ana = server.sign_up("Ana").await;
    let token = server.token("Ana").await;
    let mut program = Client::stranger(&server).await;
    program.send(&format!("40/live,{}", json!({ "token": token }))).await;
    assert!(matches!(program.packet().await, Some(Packet::Joined)));

    let mut both = Client::with_cookie(&server, &ana).await;
    assert_eq!(refusal(&mut both, "40/live,{\"token\":\"bad\"}").await, "unauthenticated");
}

#[tokio::test]
async fn a1_a_foreign_or_missing_origin_opens_no_websocket() {
    let server = Server::start(&[]);
    let ana = server.sign_up("Ana").await;
    let cookie = || ("cookie", ana.cookie.clone());
    let foreign = ("origin", "http://evil.example".to_owned());
    for headers in [vec![cookie(), foreign.clone()], vec![foreign], vec![cookie()]] {
        match handshake(&server, &headers).await {
            Err(tungstenite::Error::Http(answer)) => assert_eq!(answer.status(), 403),
            other => panic!("{headers:?}: {other:?}"),
        }
    }
    assert!(handshake(&server, &[]).await.is_ok(), "a program brings its token later");
}

#[tokio::test]
async fn a3_signing_out_ends_the_connections_of_that_session_alone() {
    let mut server = Server::start(&[]);
    let ana = server.sign_up("Ana").await;
    let token = server.token("Ana").await;
    let document = server.create(&ana, "Plan").await;
    let mut page = Client::of(&server, &ana).await;
    page.open(&document).await;
    let mut program = Client::stranger(&server).await;
    program.send(&format!("40/live,{}", json!({ "token": token }))).await;
    assert!(matches!(program.packet().await, Some(Packet::Joined)));
    program.open(&document).await;

    let answer = server.ask(&ana, "DELETE", "/api/session", json!({})).await;
    assert_eq!(answer.status, 204);
    assert_eq!(page.event("session:ended").await.data, json!({ "code": "unauthenticated" }));
    while !matches!(page.packet().await.unwrap(), Packet::Left) {}
    page.try_send(tungstenite::Message::text(format!("451-/live,9{}", json!(["edit", edit(&document, 5, 1)])))).await;
    page.try_send(tungstenite::Message::binary(typed(5, 0, "x"))).await;
    page.ended(SOON).await;

    let number = program.type_at(&document, 7, 0).await;
    assert_eq!(program.answer(number).await["seq"], 1, "nothing of the ended session was added");
    server.stop().await;
}

#[tokio::test]
async fn b3_a_person_has_so_many_connections_and_open_documents() {
    let server = Server::start(&["--max-connections-per-person", "2", "--max-documents-per-person", "2"]);
    let ana = server.sign_up("Ana").await;
    let bea = server.sign_up("Bea").await;
    let mut one = Client::of(&server, &ana).await;
    let two = Client::of(&server, &ana).await;
    let mut three = Client::with_cookie(&server, &ana).await;
    assert_eq!(refusal(&mut three, "40/live,").await, "too_many");
    Client::of(&server, &bea).await;
    drop(two);
    let mut again = Client::once_possible(&server, &ana).await;

    let documents = [server.create(&ana, "1").await, server.create(&ana, "2").await, server.create(&ana, "3").await];
    one.open(&documents[0]).await;
    again.open(&documents[1]).await;
    assert_eq!(again.open(&documents[2]).await["error"]["code"], "too_many");
    one.send(&format!("42/live,{}", json!(["close", { "doc": documents[0] }]))).await;
    one.request("nothing", json!({})).await;
    assert_eq!(again.open(&documents[2]).await["doc"], *documents[2]);
}

#[tokio::test]
async fn a_socket_that_never_joins_is_closed() {
    let server = Server::start(&[]);
    let mut client = Client::stranger(&server).await;
    client.ended(SOON * 2).await;
}

#[tokio::test]
async fn a_stopping_server_tells_everybody_and_does_not_wait_for_who_does_not_listen() {
    let mut server = Server::start(&[]);
    let ana = server.sign_up("Ana").await;
    let mut page = Client::of(&server, &ana).await;
    let deaf = Client::of(&server, &ana).await;
    let told = tokio::spawn(async move {
        page.event("restarting").await;
        page.ended(SOON).await;
    });
    let took = server.stop().await;
    told.await.unwrap();
    assert!(took < SOON, "{took:?}");
    drop(deaf);
}
