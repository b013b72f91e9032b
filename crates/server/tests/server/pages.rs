//! The pages and their headers, health and metrics.

use crate::harness::shared;

#[test]
fn every_page_of_the_application_answers_and_others_are_not_found() {
    let id = "a".repeat(26);
    for path in ["/", "/signin", "/signup", "/trash", &format!("/d/{id}")] {
        let answer = shared().get(path).send();
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
    }
    for path in ["/nothing", "/app/", "/app/index.html", "/d/x", "/assets/none.js", "/../etc/passwd", "/%2e%2e/secret"]
    {
        assert_eq!(shared().get(path).send().status, 404, "{path}");
    }
    assert_eq!(shared().request("POST", "/").send().status, 405);
}

#[test]
fn files_are_compressed_and_cached_by_their_names() {
    let page = shared().get("/").send();
    let mut named = page.body.split('"').filter_map(|part| part.strip_prefix('.'));
    let script = named.find(|path| path.starts_with("/assets/") && path.ends_with(".js")).unwrap();
    let plain = shared().get(script).send();
    assert_eq!(plain.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(plain.header("vary"), Some("accept-encoding"));
    for (accepted, sent) in [("gzip, br", "br"), ("gzip", "gzip")] {
        let packed = shared().get(script).line(&format!("accept-encoding: {accepted}")).send();
        assert_eq!(packed.header("content-encoding"), Some(sent));
        let length =
            |answer: &crate::harness::Answer| answer.header("content-length").unwrap().parse::<usize>().unwrap();
        assert!(length(&packed) < length(&plain));
    }
    let etag = page.header("etag").unwrap();
    let again = shared().get("/").line(&format!("if-none-match: {etag}")).send();
    assert_eq!((again.status, again.body.as_str()), (304, ""));
}

#[test]
fn other_peoples_pages_load_the_socket_io_client_by_name() {
    let token = shared().person("loads a client").token;
    for build in ["socket.io", "socket.io.min", "socket.io.esm.min"] {
        for (end, media_type) in [("js", "text/javascript; charset=utf-8"), ("js.map", "application/json")] {
            let path = format!("/socket.io/{build}.{end}");
            // As a browser loads the script or the module of a page from the same server: with the cookie, without an origin.
            let load = || shared().get(&path).cookie(&token).line("sec-fetch-site: same-origin");
            let script = load().line("sec-fetch-mode: cors").line("sec-fetch-dest: script").send();
            assert_eq!((script.status, script.header("content-type")), (200, Some(media_type)), "{path}");
            assert_eq!(script.header("cache-control"), Some("no-cache"), "its name stays when it changes");
            let etag = script.header("etag").unwrap();
            assert_eq!(load().line(&format!("if-none-match: {etag}")).send().status, 304);
            assert_eq!(load().with_own_origin().send().status, 200);
            let foreign = shared().get(&path).line("sec-fetch-site: cross-site").send();
            assert!(foreign.is(403, "bad_origin"), "A1");
        }
    }
    let module = shared().get("/socket.io/socket.io.esm.min.js").send().body;
    assert!(module.contains("export{"), "it can be imported");
    for path in ["/socket.io/nothing.js", "/socket.io/a/b.js", "/socket.io/..%2findex.html"] {
        assert_eq!(shared().get(path).send().status, 404, "{path}");
    }
    assert!(shared().get("/socket.io/?EIO=4&transport=polling").send().body.starts_with("0{"));
}

#[test]
fn every_answer_tells_browsers_what_a_page_may_never_do() {
    for path in ["/", "/api/session", "/health", "/nothing", "/socket.io/?EIO=4&transport=polling"] {
        let answer = shared().get(path).send();
        let policy = answer.header("content-security-policy").unwrap();
        for rule in [
            "default-src 'self'",
            "script-src 'self'",
            "object-src 'none'",
            "base-uri 'self'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"), "{path}");
    }
    assert_eq!(shared().get("/api/session").send().header("cache-control"), Some("no-store"));
}

#[test]
fn health_and_metrics_are_there_for_operators() {
    let health = shared().get("/health").send();
    assert_eq!((health.status, &health.json()["status"]), (200, &"ready".into()));
    let metrics = shared().get("/metrics").send();
    let names =
        ["rooms", "clients", "appends_total", "commit_entries_bucket", "commit_seconds_bucket", "edit_seconds_bucket"];
    for name in names.into_iter().chain(["http_requests_total{status=\"2xx\"}", "connections"]) {
        assert!(metrics.body.contains(&format!("\nsesodocs_{name}")), "{name} is missing");
    }
    assert!(metrics.body.contains("# HELP sesodocs_rooms ") && metrics.body.ends_with("# EOF\n"));
}
