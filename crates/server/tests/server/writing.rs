//! Programs that read and write a whole text: merged with what others write, under the number of what was read (W6).

use std::{collections::BTreeSet, thread};

use serde_json::{Value, json};

use crate::harness::{Answer, Live, PASSWORD, Person, Server, shared};

fn text_document(person: &Person<'_>, title: &str) -> String {
    let made = person.post("/api/documents", json!({ "title": title, "kind": "text" }));
    assert_eq!(made.status, 201, "{made:?}");
    format!("/api/documents/{}", made.json()["id"].as_str().unwrap())
}

fn put(person: &Person<'_>, document: &str, read: &str, text: &str) -> Answer {
    let request = person.request("PUT", &format!("{document}/text")).line(&format!("if-match: {read}"));
    request.json(json!({ "text": text })).send()
}

fn read(person: &Person<'_>, document: &str) -> Answer {
    person.get(&format!("{document}/text"))
}

/// Somebody who has the document open and types.
struct Typist {
    live: Live,
    id: String,
    writer: u8,
    typed: u8,
}

impl Typist {
    fn new(person: &Person<'_>, document: &str, writer: u8) -> Self {
        let mut live = person.live();
        let id = document.rsplit('/').next().unwrap().to_owned();
        live.send(&format!("42/live,0{}", json!(["open", { "doc": id, "schema": 1 }])));
        assert!(live.until("461-/live,0").contains("\"role\""));
        Self { live, id, writer, typed: 0 }
    }

    /// Types one letter behind those that it typed before; returns once that is durable.
    fn key(&mut self, letter: u8) {
        let (writer, clock) = (self.writer, self.typed);
        let place: &[u8] = if clock == 0 { b"\x04\x01\x04text" } else { &[0x84, writer, clock - 1] };
        let update = [&[1, 1, writer, clock], place, &[1, letter, 0]].concat();
        self.typed += 1;
        let update_at = json!({ "_placeholder": true, "num": 0 });
        let edit = json!({ "doc": self.id, "client": writer, "n": self.typed, "update": update_at });
        self.live.send(&format!("451-/live,{}{}", self.typed, json!(["edit", edit])));
        self.live.send_bytes(update);
        let answer = self.live.until(&format!("43/live,{}[", self.typed));
        assert!(!answer.contains("error"), "{answer}");
    }
}

/// The writers of the updates that open a document: as `writeVarUint8Array` puts them one after the other.
fn writers(person: &Person<'_>, document: &str) -> BTreeSet<u64> {
    let updates = Typist::new(person, document, 1).live.bytes();
    let mut rest = updates.as_slice();
    let mut found = BTreeSet::new();
    while !rest.is_empty() {
        let length = number(&mut rest) as usize;
        let (mut update, behind) = rest.split_at(length);
        rest = behind;
        if number(&mut update) == 1 {
            number(&mut update);
            found.insert(number(&mut update));
        }
    }
    found
}

fn number(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let (first, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            break;
        }
    }
    value
}

#[test]
fn a_program_writes_what_it_read_and_changed() {
    let ana = shared().person("program");
    let document = text_document(&ana, "notes");
    let made = put(&ana, &document, "\"0\"", "Olá 🌍\n");
    assert_eq!((made.status, made.body.as_str(), made.header("etag")), (200, "Olá 🌍\n", Some("\"1\"")));
    assert_eq!(made.header("content-type"), Some("text/plain; charset=utf-8"));
    let same = put(&ana, &document, "1", "Olá 🌍\n");
    assert_eq!((same.status, same.header("etag")), (200, Some("\"1\"")), "nothing changed");
    let changed = put(&ana, &document, "*", "Olá, mundo 🌍\n");
    assert_eq!((changed.status, changed.header("etag")), (200, Some("\"2\"")));

    let now = read(&ana, &document);
    assert_eq!((now.body.as_str(), now.header("etag")), ("Olá, mundo 🌍\n", Some("\"2\"")));
    let if_changed = |tags: &str| {
        let request = ana.request("GET", &format!("{document}/text"));
        request.line(&format!("if-none-match: {tags}")).send()
    };
    for tags in ["\"2\"", "W/\"2\"", "\"1\", \"2\"", "*"] {
        let answer = if_changed(tags);
        assert_eq!((answer.status, answer.body.as_str(), answer.header("etag")), (304, "", Some("\"2\"")), "{tags}");
    }
    assert_eq!(if_changed("\"1\"").body, "Olá, mundo 🌍\n");
}

#[test]
fn what_others_wrote_since_stays() {
    let (ana, bob) = (shared().person("since"), shared().person("since another"));
    let document = text_document(&ana, "list");
    assert_eq!(put(&ana, &document, "0", "milk\nbread\n").status, 200);
    assert_eq!(put(&bob, &document, "1", "oat milk\nbread\n").status, 200);
    let mut typist = Typist::new(&bob, &document, 5);
    typist.key(b'!');
    let merged = put(&ana, &document, "1", "milk\nbread\neggs\n");
    let expected = "!oat milk\nbread\neggs\n";
    assert!(merged.body.contains("oat milk\nbread\neggs\n") && merged.body.contains('!'), "{}", merged.body);
    assert_eq!(merged.body.len(), expected.len());
    assert_eq!(merged.header("etag"), Some("\"4\""));
    assert!(typist.live.until("451-/live,[\"edits\"").contains("\"seq\":4"), "and they see it at once");
}

#[test]
fn w6_programs_and_people_write_at_the_same_time_and_nothing_is_lost() {
    const EACH: u8 = 40;
    let ana = shared().person("at the same time");
    let document = text_document(&ana, "both");
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut typist = Typist::new(&ana, &document, 5);
            (0..EACH).for_each(|_| typist.key(b'x'));
        });
        for letter in ["y", "z"] {
            let (ana, document) = (&ana, &document);
            scope.spawn(move || {
                let mut last = read(ana, document);
                for _ in 0..EACH {
                    let etag = last.header("etag").unwrap().to_owned();
                    last = put(ana, document, &etag, &format!("{}{letter}", last.body));
                    assert_eq!(last.status, 200, "{last:?}");
                }
            });
        }
    });
    let text = read(&ana, &document).body;
    for letter in ['x', 'y', 'z'] {
        assert_eq!(text.matches(letter).count(), usize::from(EACH), "{letter} in {text}");
    }
    assert_eq!(text.len(), 3 * usize::from(EACH));
}

#[test]
fn r3_one_person_writes_with_one_writer_as_long_as_it_goes_on() {
    let (ana, bob) = (shared().person("one writer"), shared().person("another writer"));
    let document = text_document(&ana, "numbers");
    for i in 0..20 {
        assert_eq!(put(&ana, &document, &i.to_string(), &"n".repeat(i + 1)).status, 200);
    }
    assert_eq!(writers(&ana, &document).len(), 1);
    assert_eq!(put(&bob, &document, "*", "").status, 200);
    assert_eq!(put(&bob, &document, "*", "b").status, 200);
    assert_eq!(writers(&ana, &document).len(), 2);
}

#[test]
fn a_write_says_which_text_it_was_made_from() {
    let ana = shared().person("if match");
    let document = text_document(&ana, "x");
    assert_eq!(put(&ana, &document, "0", "kept").status, 200);
    let request = || ana.request("PUT", &format!("{document}/text"));
    let body = || json!({ "text": "" });
    assert!(request().json(body()).send().is(428, "precondition_required"));
    for bad in ["", "2", "\"2\"", "-1", "x", "\"\"", "\"*\"", "1, 0", "\"1", "99999999999999999999", "1.0", "0x1"] {
        let answer = put(&ana, &document, bad, "");
        assert!(answer.is(412, "precondition_failed"), "{bad}: {answer:?}");
    }
    let twice = request().line("if-match: 0").line("if-match: 1").json(body()).send();
    assert!(twice.is(412, "precondition_failed"));
    for media_type in ["text/plain", "application/json; charset=utf-8", "application/x-www-form-urlencoded"] {
        let request = request().line("if-match: *").line(&format!("content-type: {media_type}"));
        let answer = request.body(body().to_string().into_bytes()).send();
        assert!(answer.is(415, "unsupported_media_type"), "{media_type} (A2)");
    }
    for bad in [json!({}), json!({ "text": 7 }), json!({ "text": null }), json!({ "text": "", "seq": 1 }), json!("x")] {
        assert!(request().line("if-match: *").json(bad.clone()).send().is(400, "invalid"), "{bad}");
    }
    let no_text = br#"{"text":"\ud800"}"#.to_vec();
    let request = request().line("if-match: *").line("content-type: application/json");
    assert!(request.body(no_text).send().is(400, "invalid"));
    assert_eq!(read(&ana, &document).body, "kept");
}

#[test]
fn a_text_has_at_most_a_million_bytes() {
    let ana = shared().person("long text");
    let document = text_document(&ana, "long");
    let longest = "é".repeat(500_000);
    assert_eq!(put(&ana, &document, "0", &longest).body, longest);
    assert!(put(&ana, &document, "*", &format!("{longest}x")).is(413, "too_large"));
    assert!(put(&ana, &document, "*", &"x".repeat(5 << 20)).is(413, "too_large"));
    assert_eq!(read(&ana, &document).body, longest);
    // Escaped as many programs do it, a byte takes three.
    let escaped = format!("{{\"text\":\"{}\"}}", "\\u00e9".repeat(500_000));
    let request = ana.request("PUT", &format!("{document}/text")).line("if-match: 1");
    let written = request.line("content-type: application/json").body(escaped.into_bytes()).send();
    assert_eq!((written.status, written.header("etag")), (200, Some("\"1\"")));

    let body = json!({ "text": "x".repeat(100 << 10) });
    let stranger = shared().request("PUT", &format!("{document}/text")).json(body.clone()).send();
    assert!(stranger.is(401, "unauthenticated"), "a stranger's is not even read");
    let elsewhere = ana.request("POST", "/api/documents").json(body).send();
    assert!(elsewhere.is(413, "too_large"), "and nowhere else");
}

#[test]
fn a4_only_who_may_edit_writes() {
    let (ana, bob) = (shared().person("text owner"), shared().person("text reader"));
    let document = text_document(&ana, "rights");
    let member = format!("{document}/members/text reader").replace(' ', "%20");
    let write = || put(&bob, &document, "*", "written");
    assert_eq!(write().status, 200, "the instance's people are editors");
    assert_eq!(ana.put(&member, json!({ "role": "viewer" })).status, 204);
    assert!(write().is(403, "forbidden"));
    assert_eq!(ana.delete(&member).status, 204);
    assert_eq!(ana.patch(&document, json!({ "visibility": "private" })).status, 200);
    assert!(write().is(404, "not_found"));
    assert!(put(&bob, "/api/documents/aaaaaaaaaaaaaaaaaaaaaaaaaa", "*", "").is(404, "not_found"));
    assert_eq!(ana.put(&member, json!({ "role": "editor" })).status, 204);
    assert_eq!(put(&bob, &document, "*", "again").body, "again", "what was told meanwhile ends nothing for good");

    assert_eq!(ana.delete(&document).status, 204);
    assert!(write().is(409, "trashed"));
    assert_eq!(ana.post(&format!("{document}/restore"), Value::Null).status, 200);
    assert_eq!(write().status, 200);
    let rich = format!("/api/documents/{}", ana.document("rich"));
    let refused = put(&ana, &rich, "*", "");
    assert!(refused.is(400, "invalid") && refused.body.contains("plain-text"), "{refused:?}");

    let by_cookie = || {
        let body = json!({ "name": "text owner", "password": PASSWORD });
        let cookie = shared().post("/api/session", body).send().cookie().to_owned();
        let request = shared().request("PUT", &format!("{document}/text")).cookie(&cookie);
        request.line("if-match: *").json(json!({ "text": "by a page" }))
    };
    assert!(by_cookie().send().is(403, "bad_origin"), "A1");
    assert_eq!(by_cookie().with_own_origin().send().status, 200);
}

#[test]
fn a_number_holds_across_a_restart() {
    let mut server = Server::start(&[]);
    let ana = server.person("ana");
    let document = text_document(&ana, "x");
    assert_eq!(put(&ana, &document, "0", "one\n").status, 200);
    assert_eq!(put(&ana, &document, "1", "one\ntwo\n").status, 200);
    server.signal("-TERM");
    assert!(server.child.wait().unwrap().success(), "the scribe that is kept holds nothing up");
    let data = std::mem::replace(&mut server.data, tempfile::tempdir().unwrap());
    let again = Server::start_in(data, &[]);
    let merged = put(&again.sign_in("ana"), &document, "\"1\"", "zero\none\n");
    assert_eq!((merged.body.as_str(), merged.header("etag")), ("zero\none\ntwo\n", Some("\"3\"")));
}
