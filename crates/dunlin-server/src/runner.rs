//! A server that runs, and its end.
//!
//! ```text
//! startup ─▶ bind ─▶ ready, accept … signal ─▶ not ready, accept ─▶ listeners closed
//!         ─▶ idle connections closed ─▶ shutdown ─▶ requests finish, then background tasks; or they are cut
//!         ─▶ cleanup
//! ```

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dunlin_core::{Lifecycle, Service};
use tokio_util::sync::CancellationToken;

use crate::accept::Worker;
use crate::builder::{ServerBuilder, Site};
use crate::config::Config;
use crate::error::{Fault, ServeError};
use crate::listener::{SocketFile, adopt, bind_each, bind_tcp};
#[cfg(unix)]
use crate::listener::{adopt_unix, bind_unix};
use crate::readiness::Readiness;
use crate::signals::Signals;
use crate::timer::Sweep;
use crate::tracker::Tracker;
use crate::workers::{Crew, Sockets, Workers};

/// Is told the addresses that are listened on.
pub(crate) type OnListening = Arc<dyn Fn(&[SocketAddr]) + Send + Sync>;

/// Connections that were told to end at once get so long to drop what they hold.
const ABORT_GRACE: Duration = Duration::from_secs(1);

/// A server that runs. Dropping it cuts its connections and runs no cleanup;
/// [`shutdown`](Self::shutdown) ends it well.
pub struct Running<S: Service + Lifecycle> {
    service: Arc<S>,
    addresses: Vec<SocketAddr>,
    crew: Option<Crew>,
    tracker: Arc<Tracker>,
    stop: CancellationToken,
    config: Arc<Config>,
    readiness: Readiness,
    shutdown_delay: Duration,
    shutdown_timeout: Duration,
    socket_files: Vec<SocketFile>,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Ended {
    /// Connections that were cut because their requests did not finish in time.
    pub cut: usize,
    /// Background tasks of the service that were cut because they did not end in time.
    pub cut_tasks: usize,
}

pub(crate) async fn start<S: Service + Lifecycle>(
    builder: ServerBuilder,
    service: Arc<S>,
) -> Result<Running<S>, ServeError> {
    service.startup().await.map_err(ServeError::Startup)?;
    match bind_and_accept(builder, &service).await {
        Ok(running) => Ok(running),
        Err(error) => {
            // What startup has set up is taken down; the first error is the one to tell.
            let _ = service.cleanup().await;
            Err(error)
        }
    }
}

async fn bind_and_accept<S: Service + Lifecycle>(
    builder: ServerBuilder,
    service: &Arc<S>,
) -> Result<Running<S>, ServeError> {
    let (mut sockets, socket_files) = open(&builder).await?;
    #[cfg(feature = "tls")]
    tell_dates(&builder);
    let addresses = sockets.first().map(Sockets::addresses).unwrap_or_default();
    let tracker = Tracker::new(builder.max_connections, builder.connections.clone());
    let stop = CancellationToken::new();
    // Workers that started before one failed must not go on.
    let failed = stop.clone().drop_guard();
    let worker = Worker {
        service: Arc::clone(service),
        config: builder.config.share(),
        sweep: Sweep::new(),
        tracker: Arc::clone(&tracker),
        stop: stop.clone(),
    };
    let crew = match builder.workers {
        Workers::Shared => Crew::shared(sockets.pop().unwrap_or_default(), &worker)?,
        Workers::PerCore(_) => Crew::per_core(sockets, &worker)?,
    };
    let _ = failed.disarm();
    builder.readiness.set(true);
    if let Some(tell) = builder.on_listening {
        tell(&addresses);
    }
    Ok(Running {
        service: Arc::clone(service),
        addresses,
        crew: Some(crew),
        tracker,
        stop,
        config: worker.config,
        readiness: builder.readiness,
        shutdown_delay: builder.shutdown_delay,
        shutdown_timeout: builder.shutdown_timeout,
        socket_files,
    })
}

/// Tells of certificates that clients will refuse, once each.
#[cfg(feature = "tls")]
fn tell_dates(builder: &ServerBuilder) {
    let mut told = std::collections::HashSet::new();
    for tls in builder.tls_configs() {
        tls.check_dates(|origin, dates| {
            if told.insert(origin.to_owned()) {
                builder.config.report(&Fault::Certificate { origin, dates });
            }
        });
    }
}

/// Opens every socket once for each worker.
async fn open(builder: &ServerBuilder) -> Result<(Vec<Sockets>, Vec<SocketFile>), ServeError> {
    let workers = match builder.workers {
        Workers::Shared => 1,
        Workers::PerCore(n) => n.max(1),
    };
    let mut given = inherited(builder)?;
    let binds = given.is_empty();
    let mut first = Sockets::default();
    for (address, site) in builder.addresses.iter().filter(|_| binds) {
        let opening = builder.opening(site);
        for socket in bind_each(address, builder.backlog, workers > 1).await? {
            first.tcp.push((socket, Arc::clone(&opening)));
        }
    }
    let bound: Vec<_> = first.addresses().into_iter().zip(&first.tcp).collect();
    let mut files = Vec::new();
    for (listener, site) in &builder.listeners {
        given.tcp.push((adopt(listener)?, builder.opening(site)));
    }
    #[cfg(unix)]
    for listener in &builder.unix_listeners {
        given.unix.push((adopt_unix(listener)?, builder.opening(&Site::default())));
    }
    #[cfg(unix)]
    for path in builder.unix.iter().filter(|_| binds) {
        let (listener, file) = bind_unix(path, builder.backlog)?;
        given.unix.push((listener, builder.opening(&Site::default())));
        files.push(file);
    }
    if bound.is_empty() && given.is_empty() {
        return Err(ServeError::NoAddress);
    }
    let mut all = Vec::new();
    for _ in 1..workers {
        let mut own = Sockets::default();
        for (address, (_, opening)) in &bound {
            let socket = bind_tcp(*address, builder.backlog, true)?;
            own.tcp.push((socket, Arc::clone(opening)));
        }
        all.push(own);
    }
    all.insert(0, first);
    for sockets in &mut all {
        let shared = given.try_clone().map_err(ServeError::Worker)?;
        sockets.tcp.extend(shared.tcp);
        #[cfg(unix)]
        sockets.unix.extend(shared.unix);
    }
    Ok((all, files))
}

/// The sockets that a supervisor passes, where they are asked for.
fn inherited(builder: &ServerBuilder) -> Result<Sockets, ServeError> {
    #[cfg_attr(not(all(unix, feature = "systemd")), allow(unused_mut))]
    let mut sockets = Sockets::default();
    #[cfg(all(unix, feature = "systemd"))]
    if builder.inherits {
        let mut passed = listenfd::ListenFd::from_env();
        for index in 0..passed.len() {
            let opening = builder.opening(&Site::default());
            let refuse = |source| ServeError::Inherited { index, source };
            // Whether it is of TCP is asked of the socket.
            if let Ok(Some(socket)) = passed.take_tcp_listener(index) {
                sockets.tcp.push((adopt(&socket)?, opening));
            } else if let Some(socket) = passed.take_unix_listener(index).map_err(refuse)? {
                sockets.unix.push((adopt_unix(&socket)?, opening));
            }
        }
    }
    #[cfg(not(all(unix, feature = "systemd")))]
    let _ = builder;
    Ok(sockets)
}

impl<S: Service + Lifecycle> Running<S> {
    /// The TCP addresses that are listened on, with the ports that the kernel chose.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Live connections at this moment.
    pub fn connections(&self) -> usize {
        self.tracker.live()
    }

    /// Serves until SIGINT or SIGTERM, then [shuts down](Self::shutdown); a second signal cuts what is
    /// still under way. A signal that came before this was first polled ends the process as it would
    /// any other: [`ServerBuilder::serve`](crate::ServerBuilder::serve) is there from the start.
    ///
    /// # Errors
    ///
    /// [`ServeError::Signals`], and those of [`shutdown`](Self::shutdown).
    pub async fn run_until_signal(self) -> Result<(), ServeError> {
        let signals = Signals::new().map_err(ServeError::Signals)?;
        self.run_until(signals).await
    }

    pub(crate) async fn run_until(self, mut signals: Signals) -> Result<(), ServeError> {
        signals.next().await;
        self.end(Some(signals)).await.map(drop)
    }

    /// Ends the run: goes on for the shutdown delay, closes the listeners and idle connections, lets requests and
    /// then background tasks finish for as long as the shutdown timeout says, cuts the rest, and cleans up.
    ///
    /// # Errors
    ///
    /// [`ServeError::Cleanup`] where the service's cleanup fails, [`ServeError::CleanupTimedOut`] where
    /// it takes longer than the shutdown timeout.
    pub async fn shutdown(self) -> Result<Ended, ServeError> {
        self.end(None).await
    }

    /// Ends the run; a signal cuts short whichever part it comes in.
    pub(crate) async fn end(mut self, mut signals: Option<Signals>) -> Result<Ended, ServeError> {
        let mut ended = Ended::default();
        self.readiness.set(false);
        let mut limit = self.shutdown_timeout;
        if !self.shutdown_delay.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(self.shutdown_delay) => {}
                () = hurry(&mut signals) => limit = Duration::ZERO,
            }
        }
        self.stop.cancel();
        if let Some(mut crew) = self.crew.take() {
            // A handler that blocks its thread holds up the accept loop on it: the limit is on that too.
            let finish = async {
                crew.stopped().await;
                // A successor may take over the path while the last requests finish here.
                self.socket_files.clear();
                crew.sweeps.iter().for_each(|sweep| sweep.close_all());
                tokio::join!(self.service.shutdown(), self.tracker.empty());
                // Requests may have started some until their last moment.
                self.service.tasks_ended().await;
            };
            tokio::select! {
                _ = tokio::time::timeout(limit, finish) => {}
                () = hurry(&mut signals) => {}
            }
            ended.cut = self.tracker.live();
            if ended.cut > 0 {
                self.config.report(&Fault::Cut { connections: ended.cut });
                crew.sweeps.iter().for_each(|sweep| sweep.abort_all());
                let _ = tokio::time::timeout(ABORT_GRACE, self.tracker.empty()).await;
            }
            ended.cut_tasks = self.service.cut_tasks();
            if ended.cut_tasks > 0 {
                self.config.report(&Fault::CutTasks { tasks: ended.cut_tasks });
                let _ = tokio::time::timeout(ABORT_GRACE, self.service.tasks_ended()).await;
            }
            crew.join(ABORT_GRACE).await;
        }
        let limit = self.shutdown_timeout;
        tokio::select! {
            cleaned = tokio::time::timeout(limit, self.service.cleanup()) => match cleaned {
                Ok(cleaned) => cleaned.map_err(ServeError::Cleanup)?,
                Err(_) => return Err(ServeError::CleanupTimedOut { limit }),
            },
            () = hurry(&mut signals) => return Err(ServeError::CleanupCut),
        }
        Ok(ended)
    }
}

/// Waits for the next signal, where any is listened for.
async fn hurry(signals: &mut Option<Signals>) {
    match signals {
        Some(signals) => signals.next().await,
        None => std::future::pending().await,
    }
}

impl<S: Service + Lifecycle> Drop for Running<S> {
    fn drop(&mut self) {
        self.readiness.set(false);
        self.stop.cancel();
        self.service.cut_tasks();
        if let Some(crew) = &self.crew {
            crew.sweeps.iter().for_each(|sweep| sweep.abort_all());
        }
    }
}

impl<S: Service + Lifecycle> fmt::Debug for Running<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("addresses", &self.addresses)
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}
