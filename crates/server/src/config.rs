//! What an operator can set, from the command line or the environment. Reads nothing else and starts nothing.

use std::{net::IpAddr, net::SocketAddr, num::NonZeroU32, path::PathBuf, str::FromStr};

use axum::http::{Uri, uri::Scheme};
use clap::{Args, ValueEnum};
use ipnet::IpNet;
use store::StoreUrl;

/// Everything about a running server.
#[derive(Debug, Clone, Args)]
pub(crate) struct Config {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, env = "SESODOCS_LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000")]
    pub(crate) listen: SocketAddr,

    #[command(flatten)]
    pub(crate) place: Place,

    /// Address that people open in their browsers, as https://docs.example.org. Needed behind a proxy and for host
    /// names; without it only http:// and an IP address or localhost can be used
    #[arg(long, env = "SESODOCS_PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<PublicUrl>,

    /// Who may sign up. The first person owns the instance
    #[arg(long, env = "SESODOCS_SIGNUP", value_enum, default_value_t = Signup::Open)]
    pub(crate) signup: Signup,

    /// Proxies whose X-Forwarded-For is believed: addresses or networks, separated by commas
    #[arg(long, env = "SESODOCS_TRUSTED_PROXY", value_name = "ADDRESS,…", value_delimiter = ',', value_parser = network)]
    pub(crate) trusted_proxy: Vec<IpNet>,

    /// File of at least 32 bytes that signs the sessions' tokens. Without it one is made in the data folder
    #[arg(long, env = "SESODOCS_SECRET_FILE", value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,

    /// What is told on standard error, as error, warn, info, debug, or by part: info,store=debug
    #[arg(long, env = "SESODOCS_LOG", value_name = "LEVEL", default_value = "info")]
    pub(crate) log: String,

    #[command(flatten)]
    pub(crate) classic: Classic,

    #[command(flatten)]
    pub(crate) limits: Limits,
}

/// The contract of the course that SeSoDocs grew from ("WebSockets: comunicações em tempo real com Socket.IO e MongoDB"):
/// a front end written for it works here unmodified.
#[derive(Debug, Clone, Args)]
pub(crate) struct Classic {
    /// Do not answer the events of the course's front end (Socket.IO namespaces / and /usuarios)
    #[arg(id = "no-classic", long, env = "SESODOCS_NO_CLASSIC")]
    pub(crate) off: bool,

    /// Folder with a front end of the course, served at / instead of our own pages, which then are under /app. Its
    /// scripts share one origin with our pages and may do there whatever a signed-in person may: only a folder that you
    /// trust
    #[arg(id = "classic-site", long, env = "SESODOCS_CLASSIC_SITE", value_name = "DIR")]
    pub(crate) site: Option<PathBuf>,

    /// Answer the course's front end in the original's words also where they tell strangers who has an account:
    /// usuario_nao_encontrado instead of autenticacao_erro
    #[arg(id = "classic-strict", long, env = "SESODOCS_CLASSIC_STRICT")]
    pub(crate) strict: bool,

    /// Let everybody who reaches the server read and write the text documents that the whole instance sees, without an
    /// account, as the first part of the course does
    #[arg(id = "classic-anonymous", long, env = "SESODOCS_CLASSIC_ANONYMOUS")]
    pub(crate) anonymous: bool,
}

/// Where everything is kept.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// Folder that holds everything; made if it is not there
    #[arg(long, env = "SESODOCS_DATA", value_name = "FOLDER", default_value = "./data")]
    pub(crate) data: PathBuf,

    /// How everything is kept: sqlite, in files in the data folder; memory, until the server ends
    #[arg(long, env = "SESODOCS_STORE", value_name = "sqlite|memory", default_value = "sqlite")]
    pub(crate) store: StoreUrl,
}

/// The budgets of B1 and B3: how much one person or one address may take.
#[derive(Debug, Clone, Args)]
pub(crate) struct Limits {
    /// Open connections of one person
    #[arg(long, env = "SESODOCS_MAX_CONNECTIONS_PER_PERSON", value_name = "N", default_value = "64")]
    pub(crate) max_connections_per_person: NonZeroU32,

    /// Documents that one person has open, in all connections together
    #[arg(long, env = "SESODOCS_MAX_DOCUMENTS_PER_PERSON", value_name = "N", default_value = "256")]
    pub(crate) max_documents_per_person: NonZeroU32,

    /// Bytes a second that one person may write, on average
    #[arg(long, env = "SESODOCS_MAX_BYTES_PER_SECOND", value_name = "N", default_value = "1048576")]
    pub(crate) max_bytes_per_second: NonZeroU32,

    /// Connections of one address on which nobody has signed in; beyond it the oldest is closed
    #[arg(long, env = "SESODOCS_MAX_VISITORS_PER_ADDRESS", value_name = "N", default_value = "256")]
    pub(crate) max_visitors_per_address: NonZeroU32,

    /// Connections on which nobody has signed in, of all addresses together
    #[arg(long, env = "SESODOCS_MAX_VISITORS", value_name = "N", default_value = "4096")]
    pub(crate) max_visitors: NonZeroU32,

    /// Bytes of one person's edits that may wait to be saved, in one document
    #[arg(long, env = "SESODOCS_MAX_WAITING_BYTES_PER_PERSON", value_name = "N", default_value = "16777216")]
    pub(crate) max_waiting_bytes_per_person: NonZeroU32,

    /// Bytes of edits that may wait to be saved, of everybody in all documents
    #[arg(long, env = "SESODOCS_MAX_WAITING_BYTES", value_name = "N", default_value = "268435456")]
    pub(crate) max_waiting_bytes: NonZeroU32,

    /// Attempts to sign in or up from one address in a minute; for one name from there it is a sixth of that
    #[arg(long, env = "SESODOCS_MAX_SIGN_INS_PER_MINUTE", value_name = "N", default_value = "60")]
    pub(crate) max_sign_ins_per_minute: NonZeroU32,
}

/// Who may sign up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Signup {
    /// Everybody who reaches the server
    Open,
    /// Only with a code from `sesodocs person invite`
    Invite,
    /// Nobody: accounts are made with `sesodocs person add`
    Closed,
}

impl Signup {
    /// As it is told to the pages.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Invite => "invite",
            Self::Closed => "closed",
        }
    }
}

/// The address that people open, reduced to its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicUrl {
    origin: String,
    secure: bool,
}

impl PublicUrl {
    /// As browsers write it in `Origin`: `https://docs.example.org`.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether TLS protects the way to the browser.
    pub(crate) fn is_secure(&self) -> bool {
        self.secure
    }
}

impl FromStr for PublicUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected an address like https://docs.example.org, without a path";
        let uri: Uri = text.trim_end_matches('/').parse().map_err(|_| EXPECTED)?;
        let secure = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(EXPECTED),
        };
        let authority = uri.authority().ok_or(EXPECTED)?;
        if !uri.path().trim_end_matches('/').is_empty() || uri.query().is_some() || authority.as_str().contains('@') {
            return Err(EXPECTED);
        }
        let host = authority.host().to_ascii_lowercase();
        let (scheme, usual_port) = if secure { ("https", 443) } else { ("http", 80) };
        let origin = match authority.port_u16() {
            Some(port) if port != usual_port => format!("{scheme}://{host}:{port}"),
            _ => format!("{scheme}://{host}"),
        };
        Ok(Self { origin, secure })
    }
}

/// A network, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| format!("'{text}' is neither an IP address nor a network like 10.0.0.0/8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a2_a_public_url_is_reduced_to_what_browsers_send() {
        let origin = |text: &str| text.parse::<PublicUrl>().map(|url| (url.origin, url.secure));
        assert_eq!(origin("https://Docs.Example.org/"), Ok(("https://docs.example.org".into(), true)));
        assert_eq!(origin("https://a.b:443"), Ok(("https://a.b".into(), true)));
        assert_eq!(origin("http://a.b:443"), Ok(("http://a.b:443".into(), false)));
        assert_eq!(origin("http://[::1]:3000"), Ok(("http://[::1]:3000".into(), false)));
        for bad in ["", "docs.example.org", "ftp://a.b", "https://a.b/docs", "https://u@a.b", "https://a.b?x"] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_proxy_is_an_address_or_a_network() {
        assert_eq!(network("10.0.0.1").unwrap().to_string(), "10.0.0.1/32");
        assert_eq!(network(" fd00::/8").unwrap().to_string(), "fd00::/8");
        assert!(network("proxy").is_err());
    }
}
