//! Which threads run connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use dunlin_core::Service;
use tokio::sync::oneshot;
use tokio::task::JoinHandle as Task;
use tokio_util::sync::CancellationToken;

use crate::accept::Worker;
use crate::error::ServeError;
use crate::listener::Listener;
use crate::open::Opening;
use crate::timer::{Sweep, Sweeper};

/// Which threads run connections.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Workers {
    /// The caller's runtime: a connection's task goes to whichever thread is free. Measured on two
    /// cores against [`PerCore`](Self::PerCore): the same CPU a request, a quarter of the p99 latency.
    #[default]
    Shared,
    /// So many threads of their own, each with a runtime and a listening socket (SO_REUSEPORT); a
    /// connection never leaves its thread. For even loads. There `block_in_place` panics,
    /// `tokio::spawn` stays on the worker, and startup, cleanup and signals run on the caller's
    /// runtime.
    PerCore(usize),
}

/// The sockets of one worker.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    pub(crate) tcp: Vec<(std::net::TcpListener, Arc<Opening>)>,
    #[cfg(unix)]
    pub(crate) unix: Vec<(std::os::unix::net::UnixListener, Arc<Opening>)>,
}

impl Sockets {
    /// The same sockets under further descriptors.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        let tcp = self.tcp.iter().map(|(tcp, open)| Ok((tcp.try_clone()?, Arc::clone(open))));
        #[cfg(unix)]
        let unix = self.unix.iter().map(|(unix, open)| Ok((unix.try_clone()?, Arc::clone(open))));
        Ok(Self {
            tcp: tcp.collect::<io::Result<_>>()?,
            #[cfg(unix)]
            unix: unix.collect::<io::Result<_>>()?,
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        #[cfg(unix)]
        let has_unix = !self.unix.is_empty();
        #[cfg(not(unix))]
        let has_unix = false;
        self.tcp.is_empty() && !has_unix
    }

    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.tcp.iter().filter_map(|(socket, _)| socket.local_addr().ok()).collect()
    }

    /// Starts an accept loop for each on the present runtime.
    fn spawn<S: Service>(self, worker: &Worker<S>) -> io::Result<Loops> {
        let mut loops = Vec::new();
        let mut spawn = |accept: Task<()>| loops.push(accept);
        for (socket, opening) in self.tcp {
            spawn(accept(worker, tokio::net::TcpListener::from_std(socket)?, opening));
        }
        #[cfg(unix)]
        for (socket, opening) in self.unix {
            spawn(accept(worker, tokio::net::UnixListener::from_std(socket)?, opening));
        }
        Ok(Loops(loops))
    }
}

fn accept<S: Service>(
    worker: &Worker<S>,
    listener: impl Listener,
    opening: Arc<Opening>,
) -> Task<()> {
    tokio::spawn(worker.clone().accept(listener, opening))
}

/// The accept loops of one worker.
struct Loops(Vec<Task<()>>);

impl Loops {
    /// Waits until the listeners are closed.
    async fn stopped(&mut self) {
        for accept in self.0.drain(..) {
            let _ = accept.await;
        }
    }
}

/// All workers of a server.
pub(crate) struct Crew {
    loops: Option<Loops>,
    threads: Vec<Thread>,
    /// Ends the threads, once their connections have ended.
    done: CancellationToken,
    pub(crate) sweeps: Vec<Arc<Sweep>>,
    _sweeper: Sweeper,
}

struct Thread {
    handle: JoinHandle<()>,
    /// Resolves when its listeners are closed,
    stopped: oneshot::Receiver<()>,
    /// and when its runtime is gone.
    ended: oneshot::Receiver<()>,
}

impl Crew {
    fn new(sweeps: Vec<Arc<Sweep>>) -> Result<Self, ServeError> {
        let sweeper = Sweeper::start(sweeps.clone()).map_err(ServeError::Worker)?;
        Ok(Self {
            loops: None,
            threads: Vec::new(),
            done: CancellationToken::new(),
            sweeps,
            _sweeper: sweeper,
        })
    }

    /// The caller's runtime.
    pub(crate) fn shared<S: Service>(
        sockets: Sockets,
        worker: &Worker<S>,
    ) -> Result<Self, ServeError> {
        let mut crew = Self::new(vec![Arc::clone(&worker.sweep)])?;
        crew.loops = Some(sockets.spawn(worker).map_err(ServeError::Worker)?);
        Ok(crew)
    }

    /// A thread and a runtime for each set of sockets.
    pub(crate) fn per_core<S: Service>(
        sockets: Vec<Sockets>,
        worker: &Worker<S>,
    ) -> Result<Self, ServeError> {
        let mut crew = Self::new(sockets.iter().map(|_| Sweep::new()).collect())?;
        for (index, sockets) in sockets.into_iter().enumerate() {
            let worker = Worker { sweep: Arc::clone(&crew.sweeps[index]), ..worker.clone() };
            let thread = crew.spawn_thread(index, sockets, worker).map_err(ServeError::Worker)?;
            crew.threads.push(thread);
        }
        Ok(crew)
    }

    fn spawn_thread<S: Service>(
        &self,
        index: usize,
        sockets: Sockets,
        worker: Worker<S>,
    ) -> io::Result<Thread> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut loops = {
            let _entered = runtime.enter();
            sockets.spawn(&worker)?
        };
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let done = self.done.clone();
        let handle =
            std::thread::Builder::new().name(format!("dunlin-{index}")).spawn(move || {
                runtime.block_on(async move {
                    loops.stopped().await;
                    let _ = stop.send(());
                    done.cancelled().await;
                });
                drop(runtime);
                let _ = end.send(());
            })?;
        Ok(Thread { handle, stopped, ended })
    }

    /// Waits until no listener is open.
    pub(crate) async fn stopped(&mut self) {
        if let Some(loops) = &mut self.loops {
            loops.stopped().await;
        }
        for thread in &mut self.threads {
            let _ = (&mut thread.stopped).await;
        }
    }

    /// Ends the threads. One that a handler blocks for longer than `grace` is left to itself.
    pub(crate) async fn join(mut self, grace: Duration) {
        self.done.cancel();
        let threads = std::mem::take(&mut self.threads);
        let ended = async {
            for thread in threads {
                let _ = thread.ended.await;
                let _ = thread.handle.join();
            }
        };
        let _ = tokio::time::timeout(grace, ended).await;
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.done.cancel();
    }
}
