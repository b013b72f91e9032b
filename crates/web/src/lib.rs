//! The built pages, each file with its compressed forms. Holds bytes only: serving them is the server's affair.

/// One file of the built pages.
#[derive(Debug)]
pub struct Asset {
    /// Where it is served: `/assets/main-Dk2x.js`. The page itself is `/index.html`; for an application that lives
    /// under `/app` it is `/app/index.html`, which names its files below that. `/socket.io/socket.io.js` and the like
    /// are the browser client that other people's pages load by name.
    pub path: &'static str,
    /// The `content-type` header.
    pub content_type: &'static str,
    /// The file as it is.
    pub bytes: &'static [u8],
    /// The same, compressed with brotli; `None` for what does not shrink.
    pub brotli: Option<&'static [u8]>,
    /// The same as gzip: browsers take no brotli over plain http.
    pub gzip: Option<&'static [u8]>,
    /// A quoted entity tag that changes with the bytes.
    pub etag: &'static str,
    /// Its name holds its hash, so it never changes: it may be cached for ever.
    pub immutable: bool,
}

include!(concat!(env!("OUT_DIR"), "/table.rs"));

/// The file served at `path` (`/icon.svg`), if there is one.
pub fn find(path: &str) -> Option<&'static Asset> {
    let at = ASSETS.binary_search_by(|asset| asset.path.cmp(path)).ok()?;
    ASSETS.get(at)
}

/// The page that every address of the application answers with.
pub fn index() -> &'static Asset {
    &INDEX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_there_and_names_only_files_that_are() {
        let page = String::from_utf8_lossy(index().bytes);
        assert!(page.contains("<base href=\"/\""));
        let named: Vec<&str> = page.split('"').filter_map(|part| part.strip_prefix('.')).collect();
        assert!(named.iter().any(|path| path.ends_with(".js")), "the page loads nothing");
        for path in named {
            let asset = find(path).unwrap_or_else(|| panic!("{path} is missing"));
            assert!(asset.brotli.is_some() && asset.gzip.is_some());
        }
        assert!(!page.contains("=\"/assets"), "an address that knows only one base");
    }

    #[test]
    fn the_page_under_app_is_the_same_but_for_its_base() {
        let below = String::from_utf8_lossy(find("/app/index.html").unwrap().bytes);
        assert!(below.contains("<base href=\"/app/\""));
        assert_eq!(below.replace("<base href=\"/app/\"", "<base href=\"/\""), String::from_utf8_lossy(index().bytes));
    }

    #[test]
    fn the_client_for_other_pages_is_there_by_name_with_its_maps() {
        for build in ["", ".min", ".esm.min"] {
            let client = find(&format!("/socket.io/socket.io{build}.js")).unwrap();
            let source = String::from_utf8_lossy(client.bytes);
            assert!(
                source.contains(" * Socket.IO v")
                    && source.contains(&format!("sourceMappingURL=socket.io{build}.js.map"))
            );
            assert_eq!(client.content_type, "text/javascript; charset=utf-8");
            assert!(client.brotli.is_some_and(|brotli| brotli.len() < client.bytes.len() / 2) && client.gzip.is_some());
            let map = find(&format!("/socket.io/socket.io{build}.js.map")).unwrap();
            assert_eq!((map.content_type, map.bytes.first()), ("application/json", Some(&b'{')));
        }
    }

    #[test]
    fn no_file_holds_both_editors() {
        let holding = |word: &str| -> Vec<&str> {
            let scripts = ASSETS.iter().filter(|asset| asset.path.ends_with(".js"));
            scripts
                .filter(|asset| String::from_utf8_lossy(asset.bytes).contains(word))
                .map(|asset| asset.path)
                .collect()
        };
        let (rich, text) = (holding("ProseMirror-selectednode"), holding("cm-content"));
        assert_eq!((rich.len(), text.len()), (1, 1), "{rich:?} {text:?}");
        assert_ne!(rich, text);
    }

    #[test]
    fn only_hashed_files_are_cached_for_ever() {
        assert!(!index().immutable);
        assert!(find("/nothing.js").is_none());
        assert!(ASSETS.iter().all(|asset| asset.immutable == asset.path.starts_with("/assets/")));
    }
}
