//! The signed token that stands for a session: a JWT with HS256 and nothing else. It proves only that we made it;
//! whether its session still is, the store says (A3).

use data_encoding::BASE64URL_NOPAD as BASE64URL;
use engine::person::SessionId;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// The only header that is written, and the only one that is accepted: there is no algorithm to choose.
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// What a token is for; one for another audience opens nothing here.
const AUDIENCE: &str = "sesodocs";

/// The longest token that is looked at, in bytes; ours have about 200.
const TOKEN_BYTES: usize = 1024;

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

#[derive(Serialize, Deserialize)]
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

    /// A token for these claims.
    pub(super) fn sign(&self, claims: Claims) -> String {
        let payload = Payload { sid: claims.session.to_string(), exp: claims.expires_s, aud: AUDIENCE.to_owned() };
        let payload = serde_json::to_vec(&payload).unwrap_or_default();
        let signed = format!("{}.{}", BASE64URL.encode(HEADER.as_bytes()), BASE64URL.encode(&payload));
        let signature = self.0.clone().chain_update(&signed).finalize().into_bytes();
        format!("{signed}.{}", BASE64URL.encode(&signature))
    }

    /// What a token says, if we signed it and it has not ended.
    pub(super) fn verify(&self, token: &str, now_ms: i64) -> Option<Claims> {
        if token.len() > TOKEN_BYTES {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = BASE64URL.decode(signature.as_bytes()).ok()?;
        self.0.clone().chain_update(signed).verify_slice(&signature).ok()?;

        let (header, payload) = signed.split_once('.')?;
        if BASE64URL.decode(header.as_bytes()).ok()? != HEADER.as_bytes() {
            return None;
        }
        let payload: Payload = serde_json::from_slice(&BASE64URL.decode(payload.as_bytes()).ok()?).ok()?;
        let claims = Claims { session: payload.sid.parse().ok()?, expires_s: payload.exp };
        (payload.aud == AUDIENCE && claims.expires_s > now_ms / 1000).then_some(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_800_000_000_000;

    fn claims() -> Claims {
        Claims { session: SessionId(u128::MAX / 3), expires_s: NOW_MS / 1000 + 1 }
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
        let token = signer.sign(claims());
        assert_eq!(signer.verify(&token, NOW_MS), Some(claims()));
        assert_eq!(signer.verify(&token, NOW_MS + 1000), None);
        assert_eq!(Signer::new(b"other").verify(&token, NOW_MS), None);
    }

    #[test]
    fn no_other_header_or_audience_is_accepted_even_if_signed() {
        let signer = Signer::new(b"secret");
        let (sid, exp) = (claims().session, claims().expires_s);
        let payload = |aud: &str| format!(r#"{{"sid":"{sid}","exp":{exp},"aud":"{aud}"}}"#);
        assert!(signer.verify(&forged(&signer, HEADER, &payload(AUDIENCE)), NOW_MS).is_some());
        for (header, aud) in [
            (r#"{"alg":"none","typ":"JWT"}"#, AUDIENCE),
            (r#"{"alg":"HS512","typ":"JWT"}"#, AUDIENCE),
            (HEADER, "classic"),
        ] {
            assert_eq!(signer.verify(&forged(&signer, header, &payload(aud)), NOW_MS), None);
        }
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let signer = Signer::new(b"secret");
        let token = signer.sign(claims());
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(signer.verify(&changed, NOW_MS), None, "{at}");
        }
        for cut in 0..token.len() {
            assert_eq!(signer.verify(&token[..cut], NOW_MS), None);
        }
        assert_eq!(signer.verify(&"a".repeat(1 << 20), NOW_MS), None);
    }
}
