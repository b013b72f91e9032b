//! The built pages, each file with its compressed forms. Holds bytes only: serving them is the server's affair.

/// One file of the built pages.
#[derive(Debug)]
pub struct Asset {
    /// Where it is served: `/assets/main-Dk2x.js`. The page itself is `/index.html`.
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
        let named: Vec<&str> = page.split('"').filter(|part| part.starts_with("/assets/")).collect();
        assert!(!named.is_empty(), "the page loads nothing");
        for path in named {
            let asset = find(path).unwrap_or_else(|| panic!("{path} is missing"));
            assert!(asset.immutable && asset.brotli.is_some() && asset.gzip.is_some());
        }
    }

    #[test]
    fn only_hashed_files_are_cached_for_ever() {
        assert!(!index().immutable);
        assert!(find("/nothing.js").is_none());
        assert!(ASSETS.iter().all(|asset| asset.immutable == asset.path.starts_with("/assets/")));
    }
}
