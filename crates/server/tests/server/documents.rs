//! Documents over HTTP: who may do what, and what everything else gets (A4, B5).

use serde_json::{Value, json};

use crate::harness::{Answer, Server, shared};

fn titles(page: &Answer) -> Vec<String> {
    let page = page.json();
    let rows = page["documents"].as_array().unwrap();
    rows.iter().map(|row| row["title"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_document_is_made_read_renamed_and_listed() {
    let (ana, bob) = (shared().person("maker"), shared().person("renamer"));
    let made = ana.post("/api/documents", json!({ "title": " Olá\n🌍 ", "kind": "text" }));
    assert_eq!(made.status, 201);
    let row = made.json();
    let id = row["id"].as_str().unwrap();
    assert_eq!(id.len(), 26);
    let expected = json!({
        "id": id, "title": "Olá 🌍", "kind": "text", "role": "owner", "visibility": "instance",
        "owner": "maker", "changed": row["changed"], "changedBy": "maker", "trashed": false,
    });
    assert_eq!(row, expected);

    let path = format!("/api/documents/{id}");
    assert_eq!(bob.get(&path).json()["role"], "editor");
    let renamed = bob.patch(&path, json!({ "title": "Plans" }));
    assert_eq!((renamed.status, &renamed.json()["changedBy"]), (200, &json!("renamer")));
    assert_eq!(ana.get(&path).json()["title"], "Plans");
    assert!(titles(&ana.get("/api/documents?query=PLAN")).contains(&"Plans".to_owned()));

    let text = ana.get(&format!("{path}/text"));
    assert_eq!((text.status, text.body.as_str(), text.header("etag")), (200, "", Some("\"0\"")));
    assert_eq!(text.header("content-type"), Some("text/plain; charset=utf-8"));
}

#[test]
fn a_document_without_a_title_has_one() {
    let ana = shared().person("untitled");
    for title in [Value::Null, json!(""), json!(" \n ")] {
        assert_eq!(ana.post("/api/documents", json!({ "title": title, "kind": "rich" })).json()["title"], "Untitled");
    }
    let long = ana.post("/api/documents", json!({ "title": "é".repeat(300), "kind": "rich" }));
    assert_eq!(long.json()["title"], "é".repeat(200));
}

#[test]
fn bad_input_gets_a_clear_error() {
    let ana = shared().person("bad input");
    let id = ana.document("x");
    for body in [json!({}), json!({ "kind": "spreadsheet" }), json!({ "kind": "rich", "id": 5 }), json!([])] {
        assert!(ana.post("/api/documents", body).is(400, "invalid"));
    }
    for body in
        [json!({ "title": "" }), json!({ "title": 7 }), json!({ "visibility": "public" }), json!({ "owner": "me" })]
    {
        assert!(ana.patch(&format!("/api/documents/{id}"), body.clone()).is(400, "invalid"), "{body}");
    }
    for query in ["sort=colour", "after=nonsense", "trash=maybe", "page=2", &format!("query={}", "x".repeat(300))] {
        assert!(ana.get(&format!("/api/documents?{query}")).is(400, "invalid"), "{query}");
    }
    for id in ["x", "AAAAAAAAAAAAAAAAAAAAAAAAAA", "aaaaaaaaaaaaaaaaaaaaaaaaaa", "%00", "%ff", "..%2f.."] {
        assert!(ana.get(&format!("/api/documents/{id}")).is(404, "not_found"), "{id}");
        assert!(ana.get(&format!("/api/documents/{id}/text")).is(404, "not_found"), "{id}");
        assert!(ana.delete(&format!("/api/documents/{id}")).is(404, "not_found"), "{id}");
    }
    assert!(ana.get("/api/nothing").is(404, "not_found"));
    assert_eq!(ana.post("/api/documents/x", json!({})).status, 405);
    assert_eq!(ana.request("PATCH", "/api/session").json(json!({})).send().status, 405);
}

#[test]
fn strangers_get_nothing() {
    let id = shared().person("has strangers").document("x");
    let paths = ["", "/text"].map(|end| format!("/api/documents/{id}{end}"));
    for path in paths.iter().map(String::as_str).chain(["/api/documents"]) {
        assert!(shared().get(path).send().is(401, "unauthenticated"), "{path}");
    }
    for (method, end) in
        [("PATCH", ""), ("DELETE", ""), ("POST", "/restore"), ("PUT", "/members/x"), ("DELETE", "/members/x")]
    {
        let path = format!("/api/documents/{id}{end}");
        assert!(shared().request(method, &path).json(json!({})).send().is(401, "unauthenticated"), "{method} {end}");
    }
    assert!(shared().post("/api/documents", json!({ "kind": "rich" })).send().is(401, "unauthenticated"));
}

#[test]
fn a4_the_trash() {
    let (ana, bob) = (shared().person("trash owner"), shared().person("trash editor"));
    let id = ana.document("rubbish");
    let path = format!("/api/documents/{id}");
    let restore = format!("{path}/restore");
    let forever = format!("{path}?forever=1");

    assert!(ana.delete(&forever).is(400, "invalid"), "only from the trash");
    assert_eq!(bob.delete(&path).status, 204, "editors move to the trash");
    assert_eq!(bob.delete(&path).status, 204, "again is no harm");
    assert_eq!(bob.get(&path).json()["trashed"], true);
    assert!(titles(&ana.get("/api/documents?trash=1&query=rubbish")).contains(&"rubbish".to_owned()));
    assert!(!titles(&ana.get("/api/documents?query=rubbish")).contains(&"rubbish".to_owned()));
    assert!(ana.patch(&path, json!({ "title": "y" })).is(409, "trashed"));

    assert!(bob.post(&restore, Value::Null).is(403, "forbidden"));
    assert!(bob.delete(&forever).is(403, "forbidden"));
    assert_eq!(ana.post(&restore, Value::Null).json()["trashed"], false);

    assert_eq!(ana.delete(&path).status, 204);
    assert_eq!(ana.delete(&forever).status, 204);
    assert!(ana.get(&path).is(404, "not_found"));
    assert!(ana.post(&restore, Value::Null).is(404, "not_found"));
}

#[test]
fn a4_private_documents_do_not_exist_for_others_and_members_have_roles() {
    let (ana, bob) = (shared().person("private owner"), shared().person("private guest"));
    let id = ana.document("diary");
    let path = format!("/api/documents/{id}");
    let member = format!("{path}/members/Private%20Guest");

    assert!(bob.patch(&path, json!({ "visibility": "private" })).is(403, "forbidden"));
    assert_eq!(ana.patch(&path, json!({ "visibility": "private" })).json()["visibility"], "private");
    let text = format!("{path}/text");
    for answer in [bob.get(&path), bob.get(&text), bob.delete(&path), bob.patch(&path, json!({ "title": "x" }))] {
        assert!(answer.is(404, "not_found"), "{answer:?}");
    }
    assert!(bob.put(&member, json!({ "role": "editor" })).is(404, "not_found"));
    assert!(!titles(&bob.get("/api/documents?query=diary")).contains(&"diary".to_owned()));

    for (role, renames) in [("viewer", 403), ("commenter", 403), ("editor", 200)] {
        assert_eq!(ana.put(&member, json!({ "role": role })).status, 204);
        assert_eq!(bob.get(&path).json()["role"], role);
        assert_eq!(bob.patch(&path, json!({ "title": "diary" })).status, renames, "{role}");
        assert!(bob.put(&member, json!({ "role": "editor" })).is(403, "forbidden"), "{role}");
    }
    assert_eq!(ana.delete(&member).status, 204);
    assert!(bob.get(&path).is(404, "not_found"));

    assert!(ana.put(&member, json!({ "role": "owner" })).is(400, "invalid"));
    assert!(ana.put(&format!("{path}/members/no%20such%20body"), json!({ "role": "viewer" })).is(404, "not_found"));
    assert!(ana.put(&format!("{path}/members/%ff"), json!({ "role": "viewer" })).is(404, "not_found"));
    assert!(ana.put(&format!("{path}/members/private%20owner"), json!({ "role": "viewer" })).is(400, "invalid"));
}

#[test]
fn b5_lists_come_in_pages_of_100() {
    let server = Server::start(&["--store", "memory"]);
    let ana = server.person("ana");
    for i in 0..205 {
        ana.document(&format!("t{i:03}"));
    }
    for sort in ["changed", "title"] {
        let mut seen = Vec::new();
        let mut after = String::new();
        loop {
            let page = ana.get(&format!("/api/documents?sort={sort}{after}"));
            seen.extend(titles(&page));
            match page.json()["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
            assert_eq!(seen.len() % 100, 0);
        }
        assert_eq!(seen.len(), 205, "{sort}");
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 205, "{sort}: each once");
    }
}

#[test]
fn a_change_over_http_reaches_whoever_has_the_document_open_or_listed() {
    let (ana, bob) = (shared().person("renames live"), shared().person("watches live"));
    let id = ana.document("before");
    let path = format!("/api/documents/{id}");
    let mut live = bob.live();
    live.send(&format!("42/live,1[\"open\",{{\"doc\":\"{id}\",\"schema\":1}}]"));
    live.until("46");
    ana.patch(&path, json!({ "title": "after" }));
    let changed = live.until("42/live,[\"doc:changed\"");
    assert!(changed.contains("\"after\""), "{changed}");
    ana.patch(&path, json!({ "visibility": "private" }));
    let changed = live.until("42/live,[\"doc:changed\"");
    assert!(changed.contains("\"role\":null"), "{changed}");
}
