//! An app behind pipes: the server's driver and codec, and no socket.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dunlin_core::{
    BoxError, BoxFuture, IntoService, Lifecycle, Refusal, Request, Response, Service,
};
use dunlin_server::{Ended, ServeError, ServerBuilder};
use tokio::io::DuplexStream;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::faults::Faults;
use crate::host::Host;

/// Bytes under way in each direction of a pipe, as of a small socket buffer.
const PIPE: usize = 64 * 1024;

/// Tasks that were told to end at once get so long to drop what they hold.
const ABORT_GRACE: Duration = Duration::from_secs(1);

/// An app that runs behind pipes.
pub(crate) struct Memory {
    lifecycle: Arc<dyn Lifecycle>,
    pipes: Pipes,
    stop: watch::Sender<bool>,
    limit: Duration,
}

/// Opens connections to it.
#[derive(Clone)]
pub(crate) struct Pipes {
    serve: Arc<Serve>,
    /// `None` once the app has been stopped.
    tasks: Arc<Mutex<Option<JoinSet<()>>>>,
    faults: Faults,
}

type Serve = dyn Fn(DuplexStream) -> BoxFuture<'static, ()> + Send + Sync;

/// The service of an app, whose lifecycle is told elsewhere.
pub(crate) struct Shared<S>(pub(crate) Arc<S>);

impl<S: Service> Service for Shared<S> {
    type Future = S::Future;

    fn call(&self, req: Request) -> S::Future {
        self.0.call(req)
    }

    fn refuse(&self, why: Refusal) -> Response {
        self.0.refuse(why)
    }
}

impl Memory {
    /// Builds the app and starts it up.
    pub(crate) async fn start<A: IntoService>(
        app: A,
        server: ServerBuilder,
        limit: Duration,
        faults: Faults,
    ) -> Result<(Self, Arc<A::Service>), ServeError> {
        let boxed = |error: A::Error| -> BoxError { error.into() };
        let service = app.into_service().map_err(|error| ServeError::Build(boxed(error)))?;
        let service = Arc::new(service);
        service.startup().await.map_err(ServeError::Startup)?;
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::clone(&service);
        let serve = move |io| -> BoxFuture<'static, ()> {
            let (server, service) = (server.clone(), Shared(Arc::clone(&shared)));
            let mut stopped = stopped.clone();
            Box::pin(async move {
                // An error is the end of the sender, which is the end of the app too.
                let stop = async { drop(stopped.wait_for(|is_stopped| *is_stopped).await) };
                server.serve_io_until(service, io, stop).await;
            })
        };
        let tasks = Arc::new(Mutex::new(Some(JoinSet::new())));
        let pipes = Pipes { serve: Arc::new(serve), tasks, faults };
        let memory = Self { lifecycle: service.clone(), pipes, stop, limit };
        Ok((memory, service))
    }

    pub(crate) fn pipes(&self) -> Pipes {
        self.pipes.clone()
    }

    async fn finish(&self) -> Result<Ended, ServeError> {
        self.stop.send_replace(true);
        let mut tasks = self.pipes.take().unwrap_or_default();
        let finish = async {
            while let Some(ended) = tasks.join_next().await {
                self.pipes.note(ended);
            }
        };
        let _ = tokio::time::timeout(self.limit, async {
            tokio::join!(self.lifecycle.shutdown(), finish);
            self.lifecycle.tasks_ended().await;
        })
        .await;
        let mut ended = Ended::default();
        ended.cut = tasks.len();
        tasks.shutdown().await;
        ended.cut_tasks = self.lifecycle.cut_tasks();
        if ended.cut_tasks > 0 {
            let _ = tokio::time::timeout(ABORT_GRACE, self.lifecycle.tasks_ended()).await;
        }
        match tokio::time::timeout(self.limit, self.lifecycle.cleanup()).await {
            Ok(cleaned) => cleaned.map_err(ServeError::Cleanup)?,
            Err(_) => return Err(ServeError::CleanupTimedOut { limit: self.limit }),
        }
        Ok(ended)
    }
}

impl Host for Memory {
    fn connections(&self) -> usize {
        self.pipes.open()
    }

    fn end(self: Box<Self>) -> BoxFuture<'static, Result<Ended, ServeError>> {
        Box::pin(async move { self.finish().await })
    }
}

/// Cuts what is open: pipes may live on in clients.
impl Drop for Memory {
    fn drop(&mut self) {
        drop(self.pipes.take());
        self.lifecycle.cut_tasks();
    }
}

impl Pipes {
    /// A new connection; `None` where the app has been stopped.
    pub(crate) fn connect(&self) -> Option<DuplexStream> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let tasks = tasks.as_mut()?;
        self.reap(tasks);
        let (ours, theirs) = tokio::io::duplex(PIPE);
        tasks.spawn((self.serve)(theirs));
        Some(ours)
    }

    fn open(&self) -> usize {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(tasks) = tasks.as_mut() else { return 0 };
        self.reap(tasks);
        tasks.len()
    }

    /// Takes out the connections that have ended.
    fn reap(&self, tasks: &mut JoinSet<()>) {
        while let Some(ended) = tasks.try_join_next() {
            self.note(ended);
        }
    }

    /// A service that is no app may panic, which ends its connection.
    fn note(&self, ended: Result<(), JoinError>) {
        if let Err(error) = ended
            && error.is_panic()
        {
            self.faults.add(format!("a connection ended by a panic: {error}"));
        }
    }

    fn take(&self) -> Option<JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
