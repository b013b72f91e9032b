//! The signed token that stands for a session: a JWT with HS256 and nothing else. It proves only that we made it;
//! whether its session still is, the store says (A3).

use data_encoding::BASE64URL_NOPAD as BASE64URL;
use engine::person::SessionId;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// The only header that is written, and the only one that is accepted: there is no algorithm to choose.
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// The longest token that is looked at, in bytes; ours have about 200, and some 300 more with the longest name.
const TOKEN_BYTES: usize = 1024;

/// What a token is for; one for the other audience opens nothing (A3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// Our own pages, and programs: `/api` and `/live`.
    Pages,
    /// The course's page, whose scripts may read it: `/usuarios` only.
    Classic,
}

impl Audience {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pages => "sesodocs",
            Self::Classic => "classic",
        }
    }
}

/// Signs tokens and knows its own again.
pub(crate) struct Signer(Hmac<Sha256>);

/// What a token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claims {
    /// The session that it stands for.
    pub(super) session: SessionId,
    /// When the token itself ends, in seconds since 1970.
    pub(super) expires_s: i64,
}

/// What the course's page reads in its token: never read back, since the session's row knows better.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    #[serde(rename = "nomeUsuario")]
    pub(super) name: &'a str,
    #[serde(rename = "iat")]
    pub(super) issued_s: i64,
}

/// Why a token opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotAToken {
    /// It is none as we make them.
    Malformed,
    /// Somebody else signed it.
    BadSignature,
    /// It is for the other audience.
    OtherAudience,
    /// It has ended.
    Expired,
}

#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    shown: Option<Shown<'a>>,
    sid: String,
    exp: i64,
    aud: &'static str,
}

#[derive(Deserialize)]
struct Payload {
    sid: String,
    exp: i64,
    aud: String,
}

impl Signer {
    pub(super) fn new(secret: &[u8]) -> Self {
        // HMAC takes a block of 64 bytes and pads a shorter key with zeros.
        let mut key = [0; 64];
        key[..32].copy_from_slice(&blake3::derive_key("sesodocs 2026 session tokens", secret));
        Self(Hmac::new(&key.into()))
    }

    /// A token for our own pages.
    pub(super) fn sign(&self, claims: Claims) -> String {
        self.token(Audience::Pages, claims, None)
    }

    /// A token for the course's page, which reads in it what is shown. Like all of them it holds no `=` and no `;`: the
    /// page cuts its cookies there.
    pub(super) fn sign_classic(&self, claims: Claims, shown: Shown<'_>) -> String {
        self.token(Audience::Classic, claims, Some(shown))
    }

    fn token(&self, audience: Audience, claims: Claims, shown: Option<Shown<'_>>) -> String {
        let sid = claims.session.to_string();
        let payload = Written { shown, sid, exp: claims.expires_s, aud: audience.as_str() };
        let payload = serde_json::to_vec(&payload).unwrap_or_default();
        let signed = format!("{}.{}", BASE64URL.encode(HEADER.as_bytes()), BASE64URL.encode(&payload));
        let signature = self.0.clone().chain_update(&signed).finalize().into_bytes();
        format!("{signed}.{}", BASE64URL.encode(&signature))
    }

    /// What a token says, if we signed it for this audience and it has not ended.
    pub(super) fn verify(&self, audience: Audience, token: &str, now_ms: i64) -> Result<Claims, NotAToken> {
        if token.len() > TOKEN_BYTES {
            return Err(NotAToken::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(NotAToken::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(NotAToken::Malformed)?;
        if decode(header)? != HEADER.as_bytes() {
            return Err(NotAToken::Malformed);
        }
        let signature = BASE64URL.decode(signature.as_bytes()).map_err(|_| NotAToken::BadSignature)?;
        self.0.clone().chain_update(signed).verify_slice(&signature).map_err(|_| NotAToken::BadSignature)?;

        let payload: Payload = serde_json::from_slice(&decode(payload)?).map_err(|_| NotAToken::Malformed)?;
        let session = payload.sid.parse().map_err(|_| NotAToken::Malformed)?;
        if payload.aud != audience.as_str() {
            return Err(NotAToken::OtherAudience);
        }
        if payload.exp <= now_ms / 1000 {
            return Err(NotAToken::Expired);
        }
        Ok(Claims { session, expires_s: payload.exp })
    }
}

fn decode(part: &str) -> Result<Vec<u8>, NotAToken> {
    BASE64URL.decode(part.as_bytes()).map_err(|_| NotAToken::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_800_000_000_000;

    fn claims() -> Claims {
        Claims { session: SessionId(u128::MAX / 3), expires_s: NOW_MS / 1000 + 1 }
    }

    fn both(signer: &Signer) -> [(Audience, String); 2] {
        let shown = Shown { name: "Ana; \"=\" 🌍", issued_s: NOW_MS / 1000 };
        [(Audience::Pages, signer.sign(claims())), (Audience::Classic, signer.sign_classic(claims(), shown))]
    }

    /// A token with parts of one's own choice, signed with our key.
    fn forged(signer: &Signer, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", BASE64URL.encode(header.as_bytes()), BASE64URL.encode(payload.as_bytes()));
        let signature = signer.0.clone().chain_update(&signed).finalize().into_bytes();
        format!("{signed}.{}", BASE64URL.encode(&signature))
    }

    #[test]
    fn a_token_says_what_was_signed_until_it_ends() {
        let signer = Signer::new(b"secret");
        for (audience, token) in both(&signer) {
            assert_eq!(signer.verify(audience, &token, NOW_MS), Ok(claims()));
            assert_eq!(signer.verify(audience, &token, NOW_MS + 1000), Err(NotAToken::Expired));
            let stranger = Signer::new(b"other").verify(audience, &token, NOW_MS);
            assert_eq!(stranger, Err(NotAToken::BadSignature));
        }
    }

    #[test]
    fn a3_a_token_opens_nothing_of_the_other_audience() {
        let signer = Signer::new(b"secret");
        let [(pages, for_pages), (classic, for_classic)] = both(&signer);
        assert_eq!(signer.verify(pages, &for_classic, NOW_MS), Err(NotAToken::OtherAudience));
        assert_eq!(signer.verify(classic, &for_pages, NOW_MS), Err(NotAToken::OtherAudience));
    }

    #[test]
    fn a3_the_courses_page_can_cut_its_cookie_and_read_its_token() {
        let signer = Signer::new(b"secret");
        let [_, (_, token)] = both(&signer);
        assert!(!token.contains(['=', ';']), "{token}");
        let payload = BASE64URL.decode(token.split('.').nth(1).unwrap().as_bytes()).unwrap();
        let payload: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        let expected = serde_json::json!({
            "nomeUsuario": "Ana; \"=\" 🌍", "iat": NOW_MS / 1000, "exp": claims().expires_s,
            "sid": claims().session.to_string(), "aud": "classic",
        });
        assert_eq!(payload, expected);
        let longest = Shown { name: &"\u{10000}".repeat(64), issued_s: i64::MAX };
        assert!(signer.verify(Audience::Classic, &signer.sign_classic(claims(), longest), NOW_MS).is_ok());
    }

    #[test]
    fn no_other_header_or_audience_is_accepted_even_if_signed() {
        let signer = Signer::new(b"secret");
        let (sid, exp) = (claims().session, claims().expires_s);
        let payload = |aud: &str| format!(r#"{{"sid":"{sid}","exp":{exp},"aud":"{aud}"}}"#);
        let verify = |token: &str| signer.verify(Audience::Pages, token, NOW_MS);
        assert!(verify(&forged(&signer, HEADER, &payload("sesodocs"))).is_ok());
        assert_eq!(verify(&forged(&signer, HEADER, &payload("other"))), Err(NotAToken::OtherAudience));
        for header in [r#"{"alg":"none","typ":"JWT"}"#, r#"{"alg":"HS512","typ":"JWT"}"#] {
            assert_eq!(verify(&forged(&signer, header, &payload("sesodocs"))), Err(NotAToken::Malformed));
        }
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let signer = Signer::new(b"secret");
        for (audience, token) in both(&signer) {
            for at in 0..token.len() {
                let mut bytes = token.clone().into_bytes();
                bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
                let changed = String::from_utf8(bytes).unwrap();
                assert!(signer.verify(audience, &changed, NOW_MS).is_err(), "{at}");
            }
            for cut in 0..token.len() {
                assert!(signer.verify(audience, &token[..cut], NOW_MS).is_err(), "{cut}");
            }
            assert_eq!(signer.verify(audience, &"a".repeat(1 << 20), NOW_MS), Err(NotAToken::Malformed));
        }
    }
}
