//! Builds `web/` into OUT_DIR, or takes a built folder (`SESODOCS_WEB_DIST`), and writes the table that lib.rs includes.
//! Writes nothing into the tree except `web/node_modules`.

use std::collections::BTreeMap;
use std::error::Error;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

type Fallible<T> = Result<T, Box<dyn Error>>;

/// What the pages are made from; a change of anything else builds nothing.
const SOURCES: [&str; 7] =
    ["src", "public", "index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts"];

fn main() {
    if let Err(error) = run() {
        eprintln!("\n{error}\n");
        std::process::exit(1);
    }
}

fn run() -> Fallible<()> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=SESODOCS_WEB_DIST");
    let dist = match env::var_os("SESODOCS_WEB_DIST") {
        Some(folder) => {
            println!("cargo::rerun-if-changed={}", folder.display());
            PathBuf::from(folder)
        }
        None => build_pages(&out)?,
    };
    fs::write(out.join("table.rs"), table(&dist)?)?;
    Ok(())
}

/// Runs npm in `web/`: packages only when the lock file is another one, then the build.
fn build_pages(out: &Path) -> Fallible<PathBuf> {
    let web = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../web").canonicalize()?;
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", web.join(source).display());
    }
    let lock = fs::read(web.join("package-lock.json"))?;
    let stamp = web.join("node_modules/.installed-lock");
    if fs::read(&stamp).ok() != Some(lock.clone()) {
        npm(&web, &["ci", "--ignore-scripts", "--no-audit", "--no-fund"])?;
        fs::write(&stamp, lock)?;
    }
    let dist = out.join("dist");
    npm(&web, &["run", "build", "--", "--logLevel", "warn", "--outDir", &dist.to_string_lossy()])?;
    Ok(dist)
}

fn npm(web: &Path, args: &[&str]) -> Fallible<()> {
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let done = Command::new(program).args(args).current_dir(web).output().map_err(|_| {
        "The pages need Node.js 20 or newer with npm, or a folder of built pages in SESODOCS_WEB_DIST; neither is here."
    })?;
    if !done.status.success() {
        let said = [done.stdout, done.stderr].concat();
        return Err(format!("`npm {}` failed in web/:\n{}", args[0], String::from_utf8_lossy(&said)).into());
    }
    Ok(())
}

/// The Rust source of the table: every file, sorted by the path it is served at.
fn table(dist: &Path) -> Fallible<String> {
    let mut files = BTreeMap::new();
    gather(dist, dist, &mut files)?;
    let index = files.get("/index.html").ok_or_else(|| format!("{} holds no index.html", dist.display()))?;
    let mut source = format!("static INDEX: Asset = {};\n", asset("/index.html", index)?);
    source.push_str("static ASSETS: &[Asset] = &[\n");
    for (path, file) in &files {
        source.push_str(&format!("{},\n", asset(path, file)?));
    }
    source.push_str("];\n");
    Ok(source)
}

/// Collects the files below `folder`; the compressed forms are found again beside their file.
fn gather(dist: &Path, folder: &Path, files: &mut BTreeMap<String, PathBuf>) -> Fallible<()> {
    let listing = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in listing {
        let path = entry?.path();
        if path.is_dir() {
            gather(dist, &path, files)?;
        } else if !matches!(extension(&path), "br" | "gz") {
            let served = path.strip_prefix(dist)?.to_string_lossy().replace('\\', "/");
            files.insert(format!("/{served}"), path.canonicalize()?);
        }
    }
    Ok(())
}

fn asset(path: &str, file: &Path) -> Fallible<String> {
    let mut hasher = DefaultHasher::new();
    fs::read(file)?.hash(&mut hasher);
    let compressed = |suffix: &str| {
        let beside = PathBuf::from(format!("{}.{suffix}", file.display()));
        if beside.exists() { format!("Some(include_bytes!({beside:?}))") } else { "None".into() }
    };
    Ok(format!(
        "Asset {{ path: {path:?}, content_type: {:?}, bytes: include_bytes!({file:?}), brotli: {}, gzip: {}, \
         etag: \"\\\"{:016x}\\\"\", immutable: {} }}",
        content_type(file),
        compressed("br"),
        compressed("gz"),
        hasher.finish(),
        path.starts_with("/assets/"),
    ))
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

fn content_type(path: &Path) -> &'static str {
    match extension(path) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
