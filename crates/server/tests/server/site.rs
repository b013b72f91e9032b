//! A front end of the course at the root (`--classic-site`), and our own pages below /app.

use std::{fs, os::unix::fs::symlink};

use tempfile::TempDir;

use crate::harness::{PASSWORD, Server, sesodocs, text};

/// A folder with a front end, and beside it a file that is nobody's.
fn folder() -> TempDir {
    let outside = tempfile::tempdir().unwrap();
    let site = outside.path().join("site");
    fs::create_dir_all(site.join("cadastro")).unwrap();
    fs::create_dir_all(site.join(".git")).unwrap();
    for (name, content) in [
        ("index.html", "<title>Início</title>"),
        ("cadastro/index.html", "<title>Cadastro</title>"),
        ("cadastro/ação.js", "// ação"),
        ("style.css", "a {}"),
        (".env", "SECRET"),
        (".git/config", "SECRET"),
        ("../outside.txt", "SECRET"),
    ] {
        fs::write(site.join(name), content).unwrap();
    }
    symlink("../outside.txt", site.join("link.txt")).unwrap();
    symlink("..", site.join("up")).unwrap();
    symlink(".env", site.join("env.txt")).unwrap();
    symlink("style.css", site.join("same.css")).unwrap();
    outside
}

fn start(folder: &TempDir) -> Server {
    let site = folder.path().join("site");
    Server::start(&["--store", "memory", "--classic-site", site.to_str().unwrap()])
}

#[test]
fn the_folders_files_are_at_the_root() {
    let folder = folder();
    let server = start(&folder);
    for (path, media_type, content) in [
        ("/", "text/html; charset=utf-8", "<title>Início</title>"),
        ("/index.html", "text/html; charset=utf-8", "<title>Início</title>"),
        ("/?x=1", "text/html; charset=utf-8", "<title>Início</title>"),
        ("/cadastro/", "text/html; charset=utf-8", "<title>Cadastro</title>"),
        ("/cadastro/a%C3%A7%C3%A3o.js", "text/javascript; charset=utf-8", "// ação"),
        ("/style.css", "text/css; charset=utf-8", "a {}"),
        ("/same.css", "text/css; charset=utf-8", "a {}"),
    ] {
        let answer = server.get(path).send();
        assert_eq!((answer.status, answer.body.as_str()), (200, content), "{path}");
        assert_eq!(answer.header("content-type"), Some(media_type), "{path}");
        assert_eq!(answer.header("content-security-policy"), None, "{path}: it is not ours to say what it may do");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        let tag = answer.header("etag").unwrap();
        let again = server.get(path).line(&format!("if-none-match: {tag}")).send();
        assert_eq!((again.status, again.body.as_str()), (304, ""), "{path}");
    }
    for (path, moved) in [("/cadastro", "/cadastro/"), ("/cadastro?a=b", "/cadastro/?a=b"), ("/app", "/app/")] {
        let answer = server.get(path).send();
        assert_eq!((answer.status, answer.header("location")), (301, Some(moved)), "{path}");
    }
    assert_eq!(server.request("POST", "/").send().status, 405);
    assert_eq!(server.request("HEAD", "/").send().body, "");
}

#[test]
fn nothing_hidden_and_nothing_outside_of_the_folder_is_served() {
    let folder = folder();
    let server = start(&folder);
    let long = format!("/{}", "x".repeat(5000));
    for path in [
        "/../outside.txt",
        "/%2e%2e/outside.txt",
        "/..%2foutside.txt",
        "/cadastro/../../outside.txt",
        "/up/outside.txt",
        "/link.txt",
        "/env.txt",
        "/.env",
        "/%2eenv",
        "/.git/config",
        "/.git",
        "/.git/",
        "//cadastro",
        "/cadastro//../.env",
        "/nothing",
        "/nothing/",
        "/index.html/",
        "/style.css/x",
        "/%00",
        "/%ff",
        "/%5c..%5coutside.txt",
        "/trash",
        &long,
    ] {
        let answer = server.get(path).send();
        assert!(answer.status == 404 && !answer.body.contains("SECRET"), "{path}: {answer:?}");
    }
}

#[test]
fn our_own_pages_are_below_app() {
    let folder = folder();
    let server = start(&folder);
    for path in ["/app/", "/app/trash", "/app/signin", &format!("/app/d/{}", "a".repeat(26))] {
        let page = server.get(path).send();
        assert!(page.status == 200 && page.body.contains("<base href=\"/app/\""), "{path}: {page:?}");
        assert!(page.header("content-security-policy").is_some());
    }
    let page = server.get("/app/").send();
    let mut named = page.body.split('"').filter_map(|part| part.strip_prefix("./"));
    let script = named.find(|name| name.ends_with(".js")).unwrap();
    let script = server.get(&format!("/app/{script}")).send();
    assert_eq!((script.status, script.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
    for path in ["/app/nothing", "/app/d/x", "/app/app/", "/app/app/index.html", "/app/cadastro/", "/app/../.env"] {
        let answer = server.get(path).send();
        assert_eq!(answer.status, 404, "{path}");
    }
    assert_eq!(server.get("/apple").send().status, 404);

    assert_eq!(server.get("/health").send().status, 200);
    assert!(server.get("/socket.io/?EIO=4&transport=polling").send().body.starts_with("0{"));
    assert!(server.get("/socket.io/socket.io.js").send().body.contains("Socket.IO v"));
    let body = serde_json::json!({ "name": "ana", "password": PASSWORD });
    let signed_up = server.post("/api/signup", body).send();
    assert!(signed_up.header("set-cookie").unwrap().contains("; Path=/;"), "one session for both");
}

#[test]
fn a_folder_that_cannot_be_served_ends_the_start_with_a_sentence() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("file");
    fs::write(&file, "").unwrap();
    for bad in [data.path().join("nowhere"), file] {
        let mut command = sesodocs();
        command.args(["serve", "--listen", "127.0.0.1:0", "--store", "memory", "--classic-site"]).arg(&bad);
        let ended = command.output().unwrap();
        let said = text(&ended.stderr);
        assert!(!ended.status.success() && said.contains(bad.to_str().unwrap()), "{said}");
        assert!(said.contains("--classic-site cannot be served") && said.lines().count() == 1, "{said}");
    }
}
