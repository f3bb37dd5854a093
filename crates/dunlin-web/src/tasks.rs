//! Work beside requests that the end of the server waits for.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Poll;

use dunlin_core::{BoxError, FromParts, Request};
use dunlin_signals::IntoSignalResult;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::error::{self, ErrorView, HttpError, Panic};
use crate::route::OnError;

/// The background tasks of an app: started by handlers and lifecycle steps, awaited by shutdown.
///
/// A handler takes them as an argument, a lifecycle step calls [`AppRef::tasks`](crate::AppRef::tasks). An app and
/// those mounted in it share one set.
///
/// ```
/// use dunlin_web::{App, Startup, Tasks};
/// use http::StatusCode;
///
/// # async fn send_mail(_: String) -> std::io::Result<()> { Ok(()) }
/// # async fn sweep() {}
/// // Answers at once; shutdown waits until the mail is out.
/// async fn mail(tasks: Tasks, text: String) -> StatusCode {
///     tasks.spawn(async move { send_mail(text).await });
///     StatusCode::ACCEPTED
/// }
///
/// // Runs beside the app for as long as it is served.
/// async fn sweeper(cx: Startup) {
///     cx.tasks().spawn_until_shutdown(async {
///         loop {
///             sweep().await;
///             tokio::time::sleep(std::time::Duration::from_secs(60)).await;
///         }
///     });
/// }
///
/// let app = App::new().on_startup(sweeper).add_post("/mails", mail);
/// # app.build().unwrap();
/// ```
///
/// # The end
///
/// When the listeners are closed, tasks are told: [`stopping`](Self::stopping) resolves, and those of
/// [`spawn_until_shutdown`](Self::spawn_until_shutdown) are dropped. The rest have what is left of the server's
/// shutdown timeout once the last request is answered. Then they are dropped at their next `.await`, each is named
/// by the line that started it, and the server's report counts them. Cleanup begins after that, so that
/// what tasks use, such as a database, is there for as long as they run.
///
/// # Failures
///
/// A task returns nothing, or a `Result` of it. Its errors and panics go where those of handlers go: to
/// [`App::on_error`](crate::App::on_error) of the outermost app, else to stderr, with the line that started it
/// ([`TaskError`]). They end nothing else.
///
/// How many run at a time is not bounded: a handler that anybody can call should look at [`len`](Self::len), or put
/// its work in a bounded queue.
#[derive(Clone)]
pub struct Tasks(Arc<Registry>);

/// A background task failed, panicked or was cut: the source of what [`App::on_error`](crate::App::on_error) is told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// It returned an error, or panicked: then the source is a [`Panic`](crate::Panic).
    #[error("the background task that {at} started failed")]
    Failed {
        /// Where it was started.
        at: &'static Location<'static>,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// It was still running when the server's shutdown timeout was over.
    #[error(
        "the background task that {at} started was cut: it did not end within the shutdown timeout"
    )]
    Cut {
        /// Where it was started.
        at: &'static Location<'static>,
    },
}

/// The tasks that run. Shared by an app and all handles to its tasks.
pub(crate) struct Registry {
    live: Mutex<Live>,
    /// How many are live, for who waits until there are none.
    count: watch::Sender<usize>,
    stopping: watch::Sender<bool>,
    /// Of whoever starts the app: for tasks that are spawned outside of any runtime.
    home: OnceLock<Handle>,
    on_error: Option<Arc<OnError>>,
}

#[derive(Default)]
struct Live {
    /// Nothing is begun any more.
    closed: bool,
    next: u64,
    tasks: HashMap<u64, Task>,
}

struct Task {
    at: &'static Location<'static>,
    /// `None` until the runtime has it.
    abort: Option<AbortHandle>,
}

impl Tasks {
    pub(crate) fn new(on_error: Option<Arc<OnError>>) -> Self {
        Self(Arc::new(Registry {
            live: Mutex::default(),
            count: watch::Sender::new(0),
            stopping: watch::Sender::new(false),
            home: OnceLock::new(),
            on_error,
        }))
    }

    /// Runs a task to its end, which shutdown waits for. On the present runtime, else on the one that started the
    /// app. After the app's end nothing is begun any more: the task is dropped.
    ///
    /// # Panics
    ///
    /// Outside of any runtime, before the app was started.
    #[track_caller]
    pub fn spawn<F>(&self, task: F) -> AbortHandle
    where
        F: Future<Output: IntoSignalResult> + Send + 'static,
    {
        let at = Location::caller();
        let runtime = Handle::try_current().ok().or_else(|| self.0.home.get().cloned());
        // Outside of the lock, so that a panic does not leave it poisoned.
        let runtime = runtime.unwrap_or_else(Handle::current);
        let Some(ticket) = self.0.enter(at) else {
            drop(task);
            let nothing = runtime.spawn(std::future::pending::<()>()).abort_handle();
            nothing.abort();
            return nothing;
        };
        let id = ticket.id;
        let registry = self.0.clone();
        let running = runtime.spawn(async move {
            // Dropped after the task itself, however it ends.
            let _ticket = ticket;
            registry.watch(at, task).await;
        });
        let abort = running.abort_handle();
        self.0.began(id, &abort);
        abort
    }

    /// Runs a task that shutdown ends: it is dropped at its next `.await` when the server begins to shut down. For what would
    /// run for ever.
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_until_shutdown<F>(&self, task: F) -> AbortHandle
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stopping = self.stopping();
        self.spawn(async move {
            let (mut task, mut stopping) = (pin!(task), pin!(stopping));
            std::future::poll_fn(|cx| {
                if stopping.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(());
                }
                task.as_mut().poll(cx)
            })
            .await
        })
    }

    /// Resolves when the server begins to shut down: the time to come to an end.
    pub fn stopping(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let mut stopping = self.0.stopping.subscribe();
        let registry = self.0.clone();
        async move {
            // The sender lives as long as the registry.
            let _ = stopping.wait_for(|stopping| *stopping).await;
            drop(registry);
        }
    }

    /// How many run at this moment.
    pub fn len(&self) -> usize {
        *self.0.count.borrow()
    }

    /// Whether none runs.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Remembers the runtime that starts the app.
    pub(crate) fn start(&self) {
        if let Ok(handle) = Handle::try_current() {
            let _ = self.0.home.set(handle);
        }
    }

    /// Tells tasks of the end.
    pub(crate) fn stop(&self) {
        self.0.stopping.send_replace(true);
    }

    /// Waits until none is left.
    pub(crate) async fn ended(&self) {
        let mut count = self.0.count.subscribe();
        let _ = count.wait_for(|count| *count == 0).await;
    }

    /// Ends all at once, tells of each, and says how many there were.
    pub(crate) fn cut(&self) -> usize {
        self.stop();
        let cut: Vec<_> = {
            let mut live = self.0.live();
            live.closed = true;
            live.tasks.values().map(|task| (task.at, task.abort.clone())).collect()
        };
        for (at, abort) in &cut {
            self.0.tell(TaskError::Cut { at });
            if let Some(abort) = abort {
                abort.abort();
            }
        }
        cut.len()
    }
}

impl Registry {
    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a task; `None` after the end.
    fn enter(self: &Arc<Self>, at: &'static Location<'static>) -> Option<Ticket> {
        let mut live = self.live();
        if live.closed {
            return None;
        }
        let id = live.next;
        live.next += 1;
        live.tasks.insert(id, Task { at, abort: None });
        self.count.send_replace(live.tasks.len());
        Some(Ticket { registry: self.clone(), id })
    }

    /// The runtime has taken the task, or has dropped it by now.
    fn began(&self, id: u64, abort: &AbortHandle) {
        let mut live = self.live();
        if live.closed {
            abort.abort();
        }
        if let Some(task) = live.tasks.get_mut(&id) {
            task.abort = Some(abort.clone());
        }
    }

    /// Runs a task and tells of its failure.
    async fn watch(
        &self,
        at: &'static Location<'static>,
        task: impl Future<Output: IntoSignalResult>,
    ) {
        let mut task = pin!(task);
        let ended = std::future::poll_fn(|cx| {
            // Nothing of it is looked at again after a panic.
            let polled = catch_unwind(AssertUnwindSafe(|| {
                task.as_mut().poll(cx).map(IntoSignalResult::into_signal_result)
            }));
            polled.unwrap_or_else(|payload| Poll::Ready(Err(Panic::from_payload(&*payload).into())))
        });
        if let Err(source) = ended.await {
            self.tell(TaskError::Failed { at, source });
        }
    }

    fn tell(&self, what: TaskError) {
        let error = &HttpError::internal().with_source(what);
        match &self.on_error {
            Some(on_error) => {
                let view = ErrorView { error, request: None, pattern: "" };
                // There is nobody left to tell of a hook that panics.
                let _ = catch_unwind(AssertUnwindSafe(|| on_error(&view)));
            }
            None => error::log_error(error),
        }
    }
}

/// A task's place; given back when the task is gone.
struct Ticket {
    registry: Arc<Registry>,
    id: u64,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut live = self.registry.live();
        live.tasks.remove(&self.id);
        self.registry.count.send_replace(live.tasks.len());
    }
}

/// Those of the request's app. A request that no app has routed, as in a unit test of a handler, has a set of its own, which
/// nobody waits for.
impl FromParts for Tasks {
    type Rejection = Infallible;

    async fn from_parts(req: &mut Request) -> Result<Self, Infallible> {
        let ty = std::any::TypeId::of::<Self>();
        let found = req.scope().and_then(|scope| scope.state(ty, Some(KEY.name())));
        let found = found.and_then(|any| any.downcast_ref::<Self>());
        Ok(found.cloned().unwrap_or_else(|| Self::new(None)))
    }
}

/// Where the outermost app keeps its tasks.
pub(crate) static KEY: dunlin_core::StateKey<Tasks> =
    dunlin_core::StateKey::new("background tasks");

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").field("len", &self.len()).finish_non_exhaustive()
    }
}
