//! Documents over a live connection: opened, written, seen by others.

use serde_json::json;

use crate::{
    client::{Client, edit, typed},
    server::Server,
};

#[tokio::test]
async fn what_one_types_the_other_receives_and_newcomers_are_given() {
    let server = Server::start(&[]);
    let (ana, bea) = (server.sign_up("Ana").await, server.sign_up("Bea").await);
    let document = server.create(&ana, "Plan").await;
    let (mut one, mut other) = (Client::of(&server, &ana).await, Client::of(&server, &bea).await);
    let opened = one.open(&document).await;
    assert_eq!((&opened["title"], &opened["kind"], &opened["role"]), (&json!("Plan"), &json!("text"), &json!("owner")));
    assert_eq!((&opened["head"], &opened["seq"], &opened["window"]), (&json!(0), &json!(0), &json!(262_144)));
    assert_eq!(other.open(&document).await["role"], "editor");

    let number = one.type_at(&document, 5, 0).await;
    let stored = one.answer(number).await;
    assert_eq!((&stored["from"], &stored["seq"]), (&json!(0), &json!(1)));
    let seen = other.event("edits").await;
    assert_eq!((&seen.data["from"], &seen.data["seq"], &seen.data["tag"]), (&json!(0), &json!(1), &stored["tag"]));
    let update = typed(5, 0, "x");
    assert_eq!(seen.attachments, [[&[update.len() as u8][..], &update].concat()]);

    let mut third = Client::of(&server, &bea).await;
    let number = third.ask("open", &json!({ "doc": document, "schema": 1 }), None).await;
    let (opened, attachments) = third.full_answer(number).await;
    assert_eq!((&opened["head"], &opened["tag"]), (&json!(1), &stored["tag"]));
    assert_eq!(attachments, seen.attachments);
    assert_eq!(opened["present"].as_array().unwrap().len(), 2);

    let cursor = json!({ "doc": document, "schema": 1, "cursor": { "seq": 1, "tag": "0000000000000000" } });
    assert_eq!(third.request("open", cursor).await["history"], "changed", "L7");
    assert_eq!(server.text(&ana, &document).await, "x");
}

#[tokio::test]
async fn w1_edits_sent_without_waiting_keep_their_order() {
    const EDITS: u32 = 2000;
    let server = Server::start(&[]);
    let ana = server.sign_up("Ana").await;
    let document = server.create(&ana, "Plan").await;
    let mut client = Client::of(&server, &ana).await;
    client.open(&document).await;
    for begin in (0..EDITS).step_by(500) {
        let mut last = 0;
        for clock in begin..begin + 500 {
            last = client.type_at(&document, 5, clock).await;
        }
        // Each must follow the one before it: a single inversion would be refused, and all after it.
        let answer = client.answer(last).await;
        assert!(answer["error"].is_null(), "{answer}");
    }
    assert_eq!(server.text(&ana, &document).await, "x".repeat(EDITS as usize));
}

#[tokio::test]
async fn edits_that_follow_open_at_once_are_judged_after_it() {
    let server = Server::start(&[]);
    let ana = server.sign_up("Ana").await;
    let document = server.create(&ana, "Plan").await;
    let mut client = Client::of(&server, &ana).await;
    for clock in 0..50 {
        client.ask("open", &json!({ "doc": document, "schema": 1 }), None).await;
        let number = client.type_at(&document, 5, clock).await;
        let answer = client.answer(number).await;
        assert_eq!(answer["error"], json!(null), "{clock}");
    }
}

#[tokio::test]
async fn a_large_edit_comes_in_parts() {
    let server = Server::start(&[]);
    let ana = server.sign_up("Ana").await;
    let document = server.create(&ana, "Plan").await;
    let mut client = Client::of(&server, &ana).await;
    client.open(&document).await;
    let text = "y".repeat(1_300_000);
    let update = typed(5, 0, &text);
    let parts: Vec<_> = update.chunks(512 << 10).collect();
    let mut answer = json!(null);
    for (part, bytes) in parts.iter().enumerate() {
        let mut data = edit(&document, 5, 1);
        data["part"] = json!(part);
        data["parts"] = json!(parts.len());
        let number = client.ask("edit", &data, Some(bytes)).await;
        answer = client.answer(number).await;
        if part + 1 < parts.len() {
            assert_eq!(answer, json!({ "part": part }));
        }
    }
    assert_eq!(answer["seq"], 1);
    assert_eq!(server.text(&ana, &document).await, text);
}

#[tokio::test]
async fn w7_presence_is_shown_by_the_servers_number_for_the_connection() {
    let server = Server::start(&[]);
    let (ana, bea) = (server.sign_up("Ana").await, server.sign_up("Bea").await);
    let document = server.create(&ana, "Plan").await;
    let (mut one, mut other) = (Client::of(&server, &ana).await, Client::of(&server, &bea).await);
    one.open(&document).await;
    let number = other.open(&document).await["connection"].clone();
    let state = json!({ "cursor": [1, 2], "connection": 77 });
    other.send(&format!("42/live,{}", json!(["presence", { "doc": document, "state": state }]))).await;
    loop {
        let people = one.event("presence").await.data["people"].clone();
        let found = people.as_array().unwrap().iter().find(|who| who["connection"] == number).cloned();
        if let Some(who) = found.filter(|who| who["state"] == state) {
            assert_eq!(who["person"]["name"], "Bea");
            break;
        }
    }
    drop(other);
    loop {
        let people = one.event("presence").await.data["people"].clone();
        if people.as_array().unwrap().iter().any(|who| who["connection"] == number && who["state"].is_null()) {
            break;
        }
    }
}

#[tokio::test]
async fn a4_a_stranger_sees_nothing_and_a_viewer_writes_nothing() {
    let server = Server::start(&[]);
    let (ana, bea) = (server.sign_up("Ana").await, server.sign_up("Bea").await);
    let document = server.create(&ana, "Secret").await;
    server.ask(&ana, "PATCH", &format!("/api/documents/{document}"), json!({ "visibility": "private" })).await;
    let mut client = Client::of(&server, &bea).await;
    let open = client.open(&document).await;
    assert_eq!(open["error"]["code"], "not_found");
    assert!(!open.to_string().contains("Secret"));
    let number = client.type_at(&document, 5, 0).await;
    assert!(client.answer(number).await["error"]["code"].is_string());

    let path = format!("/api/documents/{document}/members/Bea");
    assert_eq!(server.ask(&ana, "PUT", &path, json!({ "role": "viewer" })).await.status, 204);
    assert_eq!(client.open(&document).await["role"], "viewer");
    let number = client.type_at(&document, 5, 0).await;
    assert_eq!(client.answer(number).await["error"]["code"], "forbidden");
    assert_eq!(server.text(&ana, &document).await, "");

    assert_eq!(server.ask(&ana, "PUT", &path, json!({ "role": "editor" })).await.status, 204);
    assert_eq!(client.event("doc:changed").await.data["role"], "editor");
    let number = client.type_at(&document, 5, 0).await;
    assert_eq!(client.answer(number).await["seq"], 1);

    assert_eq!(server.ask(&ana, "DELETE", &path, json!({})).await.status, 204);
    let changed = client.event("doc:changed").await.data;
    assert_eq!((&changed["role"], &changed["title"]), (&json!(null), &json!("")));
    let number = client.type_at(&document, 5, 1).await;
    assert!(client.answer(number).await["error"]["code"].is_string());
}
