//! The list, and how pages that show it are kept current.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{client::Client, server::Server};

#[tokio::test]
async fn b5_pages_hear_of_new_and_changed_documents_at_once_and_then_slowly() {
    let server = Server::start(&[]);
    let (ana, bea) = (server.sign_up("Ana").await, server.sign_up("Bea").await);
    let old = server.create(&ana, "Old").await;
    let mut page = Client::of(&server, &bea).await;
    let list = page.request("list", json!({})).await;
    assert_eq!(list["documents"][0]["id"], *old);

    let begun = Instant::now();
    let new = server.create(&ana, "New").await;
    let first = page.event("list:changed").await.data;
    assert_eq!((&first["documents"][0]["id"], &first["documents"][0]["owner"]), (&json!(new), &json!("Ana")));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());

    for title in ["A", "B", "C"] {
        server.ask(&ana, "PATCH", &format!("/api/documents/{new}"), json!({ "title": title })).await;
    }
    let second = page.event("list:changed").await.data;
    assert_eq!(second["documents"].as_array().unwrap().len(), 1, "{second}");
    assert_eq!(second["documents"][0]["title"], "C");
    assert!(begun.elapsed() > Duration::from_millis(1800), "{:?}", begun.elapsed());

    server.ask(&ana, "PATCH", &format!("/api/documents/{old}"), json!({ "visibility": "private" })).await;
    assert_eq!(page.event("list:changed").await.data, json!({ "documents": [], "gone": [old] }));
}

#[tokio::test]
async fn b5_pages_hear_when_content_changes() {
    let server = Server::start(&[]);
    let (ana, bea) = (server.sign_up("Ana").await, server.sign_up("Bea").await);
    let document = server.create(&ana, "Plan").await;
    let mut page = Client::of(&server, &ana).await;
    page.request("list", json!({})).await;
    let mut writer = Client::of(&server, &bea).await;
    writer.open(&document).await;
    let number = writer.type_at(&document, 5, 0).await;
    writer.answer(number).await;
    let row = page.event("list:changed").await.data["documents"][0].clone();
    assert_eq!((&row["id"], &row["changedBy"]), (&json!(document), &json!("Bea")));
}

#[tokio::test]
async fn the_trash_and_searches_are_lists_too() {
    let server = Server::start(&[]);
    let ana = server.sign_up("Ana").await;
    let document = server.create(&ana, "Garden plan").await;
    let mut trash = Client::of(&server, &ana).await;
    let mut search = Client::of(&server, &ana).await;
    assert_eq!(trash.request("list", json!({ "trash": true })).await["documents"], json!([]));
    let found = search.request("list", json!({ "query": "gard", "sort": "title" })).await;
    assert_eq!(found["documents"][0]["id"], *document);
    let answer = server.ask(&ana, "DELETE", &format!("/api/documents/{document}"), json!({})).await;
    assert_eq!(answer.status, 204);
    assert_eq!(trash.event("list:changed").await.data["documents"][0]["trashed"], true);
    assert_eq!(search.event("list:changed").await.data["gone"], json!([document]));
}
