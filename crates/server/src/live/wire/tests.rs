//! The shapes of live messages, and what is refused; then any message at all, changed at random with a seed.

use serde_json::{Value, json};

use super::*;

const DOCUMENT: DocumentId = DocumentId(7);

fn read(event: &str, payload: &Value, attachments: &[Bytes]) -> Result<Request, Refusal> {
    Request::read(&json!([event, payload]).to_string(), attachments)
}

fn is_invalid(result: &Result<Request, Refusal>) -> bool {
    matches!(result, Err(Refusal::Invalid(_)))
}

fn written(out: &impl Serialize) -> Value {
    serde_json::to_value(out).unwrap()
}

#[test]
fn each_event_is_read() {
    let doc = DOCUMENT.to_string();
    let cursor = Some(Cursor { seq: 9, tag: Tag([0, 0, 0, 0, 0, 0, 1, 0xab]) });
    let open = json!({ "doc": doc, "cursor": { "seq": 9, "tag": "00000000000001ab" }, "schema": 3 });
    assert_eq!(read("open", &open, &[]), Ok(Request::Open { document: DOCUMENT, cursor, schema: 3 }));
    let open = json!({ "doc": doc, "from": "a newer client" });
    assert_eq!(read("open", &open, &[]), Ok(Request::Open { document: DOCUMENT, cursor: None, schema: 0 }));

    let update = Bytes::from_static(b"\0\0");
    let attachments = std::slice::from_ref(&update);
    let edit = json!({ "doc": doc, "client": u32::MAX, "n": 2, "update": { "_placeholder": true, "num": 0 } });
    let expected = |part| {
        Ok(Request::Edit { document: DOCUMENT, writer: u32::MAX, n: 2, part, update: Bytes::from_static(b"\0\0") })
    };
    assert_eq!(read("edit", &edit, attachments), expected(None));
    let part = json!({ "doc": doc, "client": u32::MAX, "n": 2, "part": 1, "parts": 2, "update": { "num": 0, "_placeholder": true } });
    assert_eq!(read("edit", &part, attachments), expected(Some((1, 2))));

    let confirm = json!({ "doc": doc, "seq": 5 });
    assert_eq!(read("confirm", &confirm, &[]), Ok(Request::Confirm { document: DOCUMENT, seq: 5, part: 0 }));
    let presence = json!({ "doc": doc, "state": { "b": [1], "a": "é" } });
    let state = Some(Bytes::from(json!({ "b": [1], "a": "é" }).to_string()));
    assert_eq!(read("presence", &presence, &[]), Ok(Request::Presence { document: DOCUMENT, state }));
    let presence = json!({ "doc": doc, "state": null });
    assert_eq!(read("presence", &presence, &[]), Ok(Request::Presence { document: DOCUMENT, state: None }));
    assert_eq!(read("close", &json!({ "doc": doc }), &[]), Ok(Request::Close { document: DOCUMENT }));
    assert!(matches!(read("list", &json!({ "sort": "title" }), &[]), Ok(Request::List(_))));
}

#[test]
fn what_is_not_an_event_is_refused() {
    for text in
        ["", "[]", "[\"close\"]", "{}", "[\"close\",{},{}]", "[1,{}]", "[\"close\",[\"x\"]]", "[\"drop\",{}]", "\u{0}"]
    {
        assert!(is_invalid(&Request::read(text, &[])), "{text}");
    }
    let doc = DOCUMENT.to_string();
    let update = [Bytes::from_static(b"\0\0")];
    let edit = |field: &str, value: Value| {
        let mut edit = json!({ "doc": doc, "client": 1, "n": 2, "update": { "_placeholder": true, "num": 0 } });
        edit[field] = value;
        read("edit", &edit, &update)
    };
    assert!(edit("n", json!(3)).is_ok());
    for (field, value) in [
        ("client", json!(1u64 << 32)),
        ("client", json!(-1)),
        ("n", json!(1.5)),
        ("doc", json!(doc.to_uppercase())),
        ("part", json!(0)),
        ("update", json!({ "_placeholder": true, "num": 1 })),
        ("update", json!({ "_placeholder": false, "num": 0 })),
        ("update", json!([1, 2])),
        ("update", json!("AAA=")),
    ] {
        assert!(is_invalid(&edit(field, value.clone())), "{field} {value}");
    }
    for tag in ["", "0", "00000000000001aB0", "+000000000000001", "000000000000000é"] {
        assert!(is_invalid(&read("open", &json!({ "doc": doc, "cursor": { "seq": 1, "tag": tag } }), &[])), "{tag}");
    }
}

#[test]
fn b4_a_presence_state_is_small_and_holds_no_attachment() {
    let state = |state: Value| read("presence", &json!({ "doc": DOCUMENT.to_string(), "state": state }), &[]);
    assert!(state(json!({ "x": "y".repeat(1000) })).is_ok());
    assert_eq!(state(json!({ "x": "y".repeat(1020) })), Err(Refusal::TooLarge));
    assert!(is_invalid(&state(json!("x"))));
    assert!(is_invalid(&state(json!({ "a": { "b": [{ "_placeholder": true, "num": 0 }] } }))));
    let hidden = format!(r#"["presence",{{"doc":"{DOCUMENT}","state":{{"\u005fplaceholder":true,"num":4}}}}]"#);
    assert!(is_invalid(&Request::read(&hidden, &[])));
}

#[test]
fn d2_answers_and_refusals_have_their_shapes() {
    let cursor = Cursor { seq: 4, tag: Tag([0xfe; 8]) };
    let moved = Receipt { seq: 4, moved: Some((3, cursor)) };
    let tag = "fe".repeat(8);
    assert_eq!(written(&EditOut::from(Ok(moved))), json!({ "from": 3, "seq": 4, "tag": tag }));
    assert_eq!(written(&EditOut::from(Ok(Receipt { seq: 4, moved: None }))), json!({ "seq": 4 }));
    assert_eq!(written(&EditOut::Part { part: 2 }), json!({ "part": 2 }));
    let refused = written(&EditOut::from(Err(Refusal::Trashed)));
    assert_eq!((&refused["error"]["code"], &refused["error"]["retry"]), (&json!("trashed"), &json!("later")));
    let fault: Value = serde_json::from_str(&Fault::from(Refusal::TooMany).to_string()).unwrap();
    assert_eq!((&fault["code"], &fault["retry"]), (&json!("too_many"), &json!("later")));
}

#[test]
fn presence_is_written_as_it_was_told_and_null_once_somebody_left() {
    let person = |connection, state: Option<&'static str>| Present {
        connection,
        person: engine::person::PersonId(1),
        name: "Ana".into(),
        state: state.map(|json| Bytes::from_static(json.as_bytes())),
    };
    let people = [person(5, Some("{\"a\":[1]}")), person(6, None)];
    let who = json!({ "id": engine::person::PersonId(1).to_string(), "name": "Ana" });
    let expected = json!({ "doc": DOCUMENT.to_string(), "people": [
        { "connection": 5, "person": who, "state": { "a": [1] } },
        { "connection": 6, "person": who, "state": null },
    ] });
    assert_eq!(written(&PresenceOut::new(DOCUMENT, &people)), expected);
}

#[test]
fn any_message_is_read_or_refused() {
    let doc = DOCUMENT.to_string();
    let messages = [
        json!(["open", { "doc": doc, "cursor": { "seq": 1, "tag": "0123456789abcdef" }, "schema": 1 }]),
        json!(["edit", { "doc": doc, "client": 1, "n": 1, "part": 0, "parts": 2, "update": { "_placeholder": true, "num": 0 } }]),
        json!(["presence", { "doc": doc, "state": { "a": [1, { "b": null }] } }]),
        json!(["list", { "after": "MSAyIDM", "query": "x", "sort": "title", "trash": true }]),
        json!(["confirm", { "doc": doc, "seq": 1, "part": 1 }]),
    ];
    let mut seed = 0x2026_u64;
    let mut below = |limit: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % limit as u64).unwrap()
    };
    let (mut read, mut refused) = (0, 0);
    for _ in 0..50_000 {
        let mut text = messages[below(messages.len())].to_string().into_bytes();
        for _ in 0..below(4) {
            let at = below(text.len() + 1);
            match below(3) {
                0 => text.truncate(at),
                1 => text.insert(at, b"\"{}[],:0-9e\\"[below(12)]),
                _ => text.extend_from_within(at..),
            }
        }
        match Request::read(&String::from_utf8_lossy(&text), &[Bytes::new()]) {
            Ok(_) => read += 1,
            Err(refusal) => {
                assert!(matches!(refusal, Refusal::Invalid(_) | Refusal::TooLarge), "{refusal:?}");
                refused += 1;
            }
        }
    }
    assert!(read > 1000 && refused > 1000, "{read} read, {refused} refused");
}
