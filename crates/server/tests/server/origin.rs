//! Which pages may call (A1), over real connections, WebSockets included.

use serde_json::{Value, json};

use crate::harness::{Live, PASSWORD, Server, shared};

#[test]
fn a1_writes_with_a_cookie_come_from_our_own_pages_only() {
    let token = shared().person("origin").token;
    let write = || shared().request("POST", "/api/documents").json(json!({ "kind": "rich" })).cookie(&token);
    assert_eq!(write().with_own_origin().send().status, 201);
    assert!(write().send().is(403, "bad_origin"), "none");
    for origin in ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1", "http://localhost"] {
        let answer = write().line(&format!("origin: {origin}")).send();
        assert!(answer.is(403, "bad_origin"), "{origin}");
        assert!(answer.body.contains("--public-url"));
        assert!(answer.header("access-control-allow-origin").is_none());
    }
}

#[test]
fn a1_nobody_is_signed_in_or_out_from_elsewhere() {
    let token = shared().person("origin victim").token;
    let elsewhere = "origin: http://evil.example";
    let sign_in = json!({ "name": "origin victim", "password": PASSWORD });
    assert!(shared().post("/api/session", sign_in).line(elsewhere).send().is(403, "bad_origin"));
    let sign_out = shared().request("DELETE", "/api/session").json(Value::Null).cookie(&token);
    assert!(sign_out.line(elsewhere).send().is(403, "bad_origin"));
    assert_eq!(shared().get("/api/session").cookie(&token).send().status, 200);
}

#[test]
fn a1_reads_from_elsewhere_are_refused_and_never_shared() {
    let token = shared().person("origin reader").token;
    let read = || shared().get("/api/documents").cookie(&token);
    assert_eq!(read().send().status, 200);
    assert_eq!(read().line("sec-fetch-site: same-origin").send().status, 200);
    assert!(read().line("sec-fetch-site: cross-site").send().is(403, "bad_origin"));
    assert!(read().line("sec-fetch-site: same-site").send().is(403, "bad_origin"));
    let preflight = shared().request("OPTIONS", "/api/documents").line("origin: http://evil.example").send();
    assert!(preflight.is(403, "bad_origin"));
    for page in ["/", "/signin"] {
        let answer = shared().get(page).line("origin: http://evil.example").line("sec-fetch-site: cross-site").send();
        assert_eq!(answer.status, 200, "a link to {page} may come from anywhere");
    }
}

#[test]
fn a1_guards_socket_io_polling_and_websocket() {
    let token = shared().person("origin live").token;
    let cookie = format!("sesodocs={token}");
    let own = format!("http://{}", shared().address);
    let opens = |headers: &[(&str, &str)]| Live::try_open(shared(), headers).map(|_| ());
    assert_eq!(opens(&[("cookie", &cookie), ("origin", &own)]), Ok(()));
    assert_eq!(opens(&[]), Ok(()), "a program");
    assert_eq!(opens(&[("cookie", &cookie)]), Err(403));
    assert_eq!(opens(&[("cookie", &cookie), ("origin", "http://evil.example")]), Err(403));
    assert_eq!(opens(&[("origin", "http://evil.example")]), Err(403));

    let poll = || shared().get("/socket.io/?EIO=4&transport=polling");
    assert_eq!(poll().cookie(&token).send().status, 200, "browsers send no origin on their own GETs");
    assert!(poll().cookie(&token).line("sec-fetch-site: cross-site").send().is(403, "bad_origin"));
    assert!(poll().line("origin: http://evil.example").send().is(403, "bad_origin"));
    let push = shared().request("POST", "/socket.io/?EIO=4&transport=polling&sid=x").cookie(&token);
    assert!(push.body(b"40/live,".to_vec()).send().is(403, "bad_origin"));
}

#[test]
fn a1_a_host_that_a_name_server_made_up_is_no_origin() {
    let token = shared().person("rebinding").token;
    let write = shared().request("POST", "/api/documents").json(json!({ "kind": "rich" })).cookie(&token);
    let rebound = write.line("host: evil.example").line("origin: http://evil.example");
    assert!(rebound.send().is(403, "bad_origin"));
}

#[test]
fn a2_a_public_url_decides_origin_and_cookie() {
    let server = Server::start(&["--store", "memory", "--public-url", "https://Docs.Example.org/"]);
    let page = "origin: https://docs.example.org";
    let sign_up = server.post("/api/signup", json!({ "name": "ana", "password": PASSWORD }));
    let answer = sign_up.line(page).line("host: docs.example.org").send();
    assert_eq!(answer.status, 201);
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-sesodocs=") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"));

    let read = |name: &str| server.get("/api/session").line(&format!("cookie: {name}={}", answer.cookie())).send();
    assert_eq!(read("__Host-sesodocs").status, 200);
    assert_eq!(read("sesodocs").status, 401, "no other name is accepted");

    let write = || {
        server
            .post("/api/documents", json!({ "kind": "rich" }))
            .line(&format!("cookie: __Host-sesodocs={}", answer.cookie()))
    };
    assert_eq!(write().line(page).send().status, 201);
    assert!(write().line(&format!("origin: http://{}", server.address)).send().is(403, "bad_origin"));
    assert!(write().line("origin: http://docs.example.org").send().is(403, "bad_origin"));
}
