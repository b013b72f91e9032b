//! `sesodocs serve`: puts a server's parts together, runs it, and ends it in good order.

use std::{
    future::Future,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use engine::{
    metrics::Metrics,
    rooms::{Clock, RoomSettings, Rooms},
};
use store::StoreUrl;
use tokio::{
    net::TcpListener,
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
    sync::Mutex,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    auth::{cookie::Jar, password::Passwords, secret, sessions::Sessions, throttle::Throttle},
    cli::say,
    config::{Config, Limits},
    connections::Reception,
    housekeeping, http, live,
    scribes::Scribes,
    telemetry::{self, Telemetry},
    visitors::Visitors,
};

/// What each step of the end may take: together less than the 10 s after which an operator's tools kill.
const ROOMS_WITHIN: Duration = Duration::from_secs(3);
const CLIENTS_WITHIN: Duration = Duration::from_secs(3);
const STORE_WITHIN: Duration = Duration::from_secs(3);
const THREADS_WITHIN: Duration = Duration::from_millis(300);

/// Runs a server until it is told to end.
///
/// # Errors
/// A sentence for the operator.
pub(crate) fn run(config: Config) -> Result<(), String> {
    telemetry::log(&config.log)?;
    raise_open_files();
    let runtime = Runtime::new().map_err(|error| format!("The server has no threads: {error}"))?;
    let ended = runtime.block_on(serve(config));
    // Whoever still computes something then computes it for nobody.
    runtime.shutdown_timeout(THREADS_WITHIN);
    ended
}

async fn serve(config: Config) -> Result<(), String> {
    let mut stop = Stop::listen()?;
    let address = config.listen;
    let app = assemble(config)?;
    let routes = http::routes(&app)?;
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|error| format!("The server cannot listen on {address}: {error}"))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;

    let (socket, live) = live::layer(Arc::clone(&app));
    let live = app.live.get_or_init(|| live);
    let reception = Reception {
        router: http::guarded(&app, routes.layer(socket)),
        visitors: Visitors::new(&app.config.limits),
        trusted_proxies: app.config.trusted_proxy.clone(),
    };
    let stopping = CancellationToken::new();
    let receiving = tokio::spawn(reception.run(listener, stopping.clone()));
    let housekeeping = tokio::spawn(housekeeping::run(Arc::clone(&app)));
    let watching = tokio::spawn({
        let app = Arc::clone(&app);
        async move {
            app.sessions.watch(|ended| app.sessions_ended(ended)).await;
        }
    });
    say(&format!("SeSoDocs listens on http://{address}"));

    stop.asked().await;
    tracing::info!("stopping");
    stopping.cancel();
    housekeeping.abort();
    // What waits is saved and acknowledged before the connections that wait for it are closed.
    within(ROOMS_WITHIN, "saving what waits", app.rooms.close()).await;
    app.scribes.close();
    within(CLIENTS_WITHIN, "closing connections", async {
        live.close().await;
        let _ = receiving.await;
    })
    .await;
    watching.abort();
    if let Some(Err(error)) = within(STORE_WITHIN, "closing the store", app.store.close()).await {
        return Err(format!("The store could not be closed in good order: {error}"));
    }
    tracing::info!("stopped");
    Ok(())
}

/// Opens the store and builds everything on it.
fn assemble(config: Config) -> Result<Arc<App>, String> {
    let metrics = Metrics::default();
    let store = store::open(&config.place.store, &config.place.data, metrics.clone()).map_err(|e| e.to_string())?;
    // Behind the store: it has locked the data folder.
    let secret = match (&config.secret_file, config.place.store) {
        (Some(file), _) => secret::configured(file),
        (None, StoreUrl::Sqlite) => secret::kept(&config.place.data),
        (None, StoreUrl::Memory) => Ok(secret::random().to_vec()),
    };
    let secret = secret.map_err(|error| error.to_string())?;
    let clock: Clock = Arc::new(now_ms);
    let jar = Jar::new(config.public_url.as_ref());
    let rooms = Rooms::new(Arc::clone(&store), room_settings(&config.limits), Arc::clone(&clock), metrics.clone());
    Ok(Arc::new(App {
        scribes: Scribes::new(Arc::clone(&rooms), Arc::clone(&store)),
        rooms,
        sessions: Arc::new(Sessions::new(Arc::clone(&store), &secret, jar, Arc::clone(&clock))),
        passwords: Passwords::start()?,
        throttle: Throttle::new(config.limits.max_sign_ins_per_minute),
        telemetry: Telemetry::new(&metrics),
        live: OnceLock::new(),
        changing: Mutex::default(),
        config,
        store,
        clock,
        metrics,
    }))
}

fn room_settings(limits: &Limits) -> RoomSettings {
    RoomSettings {
        waiting_bytes_per_person: limits.max_waiting_bytes_per_person.get() as usize,
        waiting_bytes: limits.max_waiting_bytes.get() as usize,
        ..RoomSettings::default()
    }
}

/// The system's clock, in ms since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

/// SIGTERM and SIGINT.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn listen() -> Result<Self, String> {
        let listen = |kind| signal(kind).map_err(|error| format!("The server cannot hear signals: {error}"));
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Does one step of the end; goes on without it when it takes too long.
async fn within<T>(limit: Duration, what: &str, step: impl Future<Output = T>) -> Option<T> {
    let done = timeout(limit, step).await.ok();
    if done.is_none() {
        tracing::warn!("{what} took longer than {} s: going on without", limit.as_secs());
    }
    done
}

/// Every connection is an open file, and the usual limit is for interactive use.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!("the number of open files stays at {:?}: {error}", limit.current);
    }
}
