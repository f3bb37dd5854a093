//! Startup, shutdown and cleanup of an app and those inside it.
//!
//! ```text
//! startup   an app's contexts, then its startup steps, with those of mounted apps where they were
//!           mounted; the first error takes down what was set up and ends the run
//! shutdown  background tasks are told, then all shutdown steps in the same order; every one runs
//! tasks     those that are left end, or are cut
//! cleanup   all cleanup steps in the same order, then the contexts' teardowns in reverse of their
//!           setups; every one runs, and all errors are told together
//! ```

use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dunlin_core::{BoxError, CheckError, RouteInfo};
use dunlin_signals::{
    Cleanup, Entered, FrozenSignal, IntoSignalResult, Signal, SignalError, SignalErrors, Teardown,
};

use super::handles::{AppRef, Startup};
use super::state::Level;
use super::tree::FlatApp;
use super::{App, BuildError, BuildErrors, Provided};
use crate::route::Endpoint;

/// The steps of one app.
pub(crate) struct Steps {
    contexts: Cleanup<Startup>,
    /// One more than there are apps inside it, whose steps run in between.
    runs: Vec<Signals>,
}

#[derive(Default)]
struct Signals {
    startup: Signal<Startup>,
    shutdown: Signal<AppRef>,
    cleanup: Signal<AppRef>,
}

impl Steps {
    pub(super) fn new() -> Self {
        Self { contexts: Cleanup::new(), runs: vec![Signals::default()] }
    }

    /// An app was mounted: its steps run between those before and those after.
    pub(super) fn child(&mut self) {
        self.runs.push(Signals::default());
    }

    /// Whether any may set state.
    pub(super) fn start(&self) -> bool {
        !self.contexts.is_empty() || self.runs.iter().any(|run| !run.startup.is_empty())
    }

    fn last(&mut self) -> &mut Signals {
        let last = self.runs.len() - 1;
        &mut self.runs[last]
    }
}

/// Lifecycle. Each step returns `()` or a `Result` of it, and one that panics has failed.
impl App {
    /// Runs before the first socket is bound; an error ends the run.
    ///
    /// ```
    /// use dunlin_web::{App, Startup};
    ///
    /// async fn announce(_: Startup) { println!("starting") }
    /// # App::new().on_startup(announce).build().unwrap();
    /// ```
    #[track_caller]
    pub fn on_startup<F, Fut>(mut self, step: F) -> Self
    where
        F: Fn(Startup) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoSignalResult> + Send + 'static,
    {
        self.steps.last().startup.connect_located(Location::caller(), step);
        self
    }

    /// Runs when the listeners are closed and requests still run: the time to end what would run on
    /// for ever, such as WebSockets. What fails is told with what fails in cleanup.
    #[track_caller]
    pub fn on_shutdown<F, Fut>(mut self, step: F) -> Self
    where
        F: Fn(AppRef) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoSignalResult> + Send + 'static,
    {
        self.steps.last().shutdown.connect_located(Location::caller(), step);
        self
    }

    /// Runs when the last request was answered.
    #[track_caller]
    pub fn on_cleanup<F, Fut>(mut self, step: F) -> Self
    where
        F: Fn(AppRef) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoSignalResult> + Send + 'static,
    {
        self.steps.last().cleanup.connect_located(Location::caller(), step);
        self
    }

    /// Sets something up before the app's startup steps, and takes it down after everything else, in
    /// reverse of the order of setups; also where a later step of startup fails. A setup that leaves nothing to take
    /// down is an `async fn(Startup) -> Result<(), BoxError>`.
    ///
    /// ```
    /// use dunlin_core::{BoxError, StateKey};
    /// use dunlin_web::{App, Startup, State, Teardown};
    ///
    /// # #[derive(Clone)] struct Pool;
    /// # impl Pool {
    /// #     async fn connect(_: &str) -> Result<Self, BoxError> { Ok(Self) }
    /// #     async fn close(&self) {}
    /// #     fn size(&self) -> usize { 0 }
    /// # }
    /// static POOL: StateKey<Pool> = StateKey::new("pool");
    ///
    /// async fn database(cx: Startup) -> Result<impl Teardown, BoxError> {
    ///     let pool = Pool::connect("postgres://localhost").await?;
    ///     cx.set(&POOL, pool.clone());
    ///     Ok(async move || pool.close().await)
    /// }
    ///
    /// async fn size(pool: State<Pool>) -> String { pool.size().to_string() }
    ///
    /// let app = App::new().cleanup_ctx(database).provides(&POOL).add_get("/size", size);
    /// # app.build().unwrap();
    /// ```
    #[track_caller]
    pub fn cleanup_ctx<F, Fut, T, E>(mut self, setup: F) -> Self
    where
        F: Fn(Startup) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Teardown,
        E: Into<BoxError>,
    {
        self.steps.contexts.add_located(Location::caller(), setup);
        self
    }
}

/// The lifecycle of a tree of apps, and how far it has come.
pub(super) struct Lifecycles {
    stages: Vec<Stage>,
    provided: Vec<(Arc<Level>, Provided)>,
    pending: Vec<Pending>,
    run: Mutex<Run>,
    #[cfg(feature = "tasks")]
    tasks: crate::Tasks,
}

/// Steps of one app that no other app's come between.
struct Stage {
    level: Arc<Level>,
    contexts: Option<Cleanup<Startup>>,
    startup: FrozenSignal<Startup>,
    shutdown: FrozenSignal<AppRef>,
    cleanup: FrozenSignal<AppRef>,
}

#[derive(Default)]
struct Run {
    started: bool,
    entered: Vec<Entered>,
    /// Of shutdown steps, which have nobody to tell until cleanup.
    errors: Vec<SignalError>,
}

/// A handler that lacked state when the app was built.
pub(super) struct Pending {
    pub(super) at: &'static Location<'static>,
    pub(super) method: Box<str>,
    pub(super) endpoint: Arc<Endpoint>,
}

impl Pending {
    pub(super) fn error(&self, source: CheckError) -> BuildError {
        BuildError::Handler {
            at: self.at,
            method: self.method.clone(),
            pattern: self.endpoint.pattern.clone(),
            handler: self.endpoint.handler.name(),
            source,
        }
    }
}

/// Startup has failed, and so has taking down what it had set up.
#[derive(Debug, thiserror::Error)]
#[error("{startup}\nwhile taking down:\n{teardown}")]
struct StartError {
    #[source]
    startup: BoxError,
    teardown: SignalErrors,
}

impl Lifecycles {
    pub(super) fn new(
        mut apps: Vec<FlatApp>,
        levels: &[Arc<Level>],
        pending: Vec<Pending>,
    ) -> Self {
        let provided = |(app, level): (&FlatApp, &Arc<Level>)| {
            app.provides.iter().map(|p| (level.clone(), *p)).collect::<Vec<_>>()
        };
        let provided = apps.iter().zip(levels).flat_map(provided).collect();
        let mut stages = Vec::new();
        add(0, &mut apps, levels, &mut stages);
        Self {
            stages,
            provided,
            pending,
            run: Mutex::default(),
            #[cfg(feature = "tasks")]
            tasks: crate::Tasks::new(None),
        }
    }

    #[cfg(feature = "tasks")]
    pub(super) fn with_tasks(self, tasks: crate::Tasks) -> Self {
        Self { tasks, ..self }
    }

    /// Resolves once no background task is left.
    pub(super) async fn tasks_ended(&self) {
        #[cfg(feature = "tasks")]
        self.tasks.ended().await;
    }

    /// Ends all background tasks, and says how many there were.
    pub(super) fn cut_tasks(&self) -> usize {
        #[cfg(feature = "tasks")]
        return self.tasks.cut();
        #[cfg(not(feature = "tasks"))]
        0
    }

    fn run(&self) -> MutexGuard<'_, Run> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn startup(&self) -> Result<(), BoxError> {
        if std::mem::replace(&mut self.run().started, true) {
            return Err("the app has been started before: build it anew".into());
        }
        #[cfg(feature = "tasks")]
        self.tasks.start();
        let Err(startup) = self.start().await else { return Ok(()) };
        // What they use is about to be taken down.
        self.cut_tasks();
        let mut errors = Vec::new();
        self.tear_down(&mut errors).await;
        match SignalErrors::check(errors) {
            Ok(()) => Err(startup),
            Err(teardown) => Err(StartError { startup, teardown }.into()),
        }
    }

    async fn start(&self) -> Result<(), BoxError> {
        let mistakes = Arc::new(Mutex::new(Vec::new()));
        for stage in &self.stages {
            let cx = Startup::new(stage.level.clone(), mistakes.clone());
            if let Some(contexts) = &stage.contexts {
                let entered = contexts.enter_all(cx.clone()).await?;
                self.run().entered.push(entered);
            }
            stage.startup.send(cx).await?;
        }
        let mut mistakes = mistakes.lock().map(|mut m| std::mem::take(&mut *m)).unwrap_or_default();
        mistakes.extend(self.missing());
        Ok(BuildErrors::check(mistakes)?)
    }

    /// Keys that nobody has set though they were declared, and handlers that lack state still.
    fn missing(&self) -> Vec<BuildError> {
        let unset = |(level, p): &(Arc<Level>, Provided)| {
            let unset = level.state(p.key.type_id(), Some(p.key.name())).is_none();
            unset.then(|| BuildError::NotProvided {
                at: p.at,
                key: p.key.name(),
                type_name: p.type_name,
            })
        };
        let mut missing: Vec<_> = self.provided.iter().filter_map(unset).collect();
        for pending in &self.pending {
            let keys = pending.endpoint.level.keys();
            let route = RouteInfo::new(&pending.endpoint.captures, &keys);
            let errors = pending.endpoint.handler.check(&route);
            missing.extend(errors.into_iter().map(|error| pending.error(error)));
        }
        missing
    }

    pub(super) async fn shutdown(&self) {
        #[cfg(feature = "tasks")]
        self.tasks.stop();
        for stage in &self.stages {
            if let Err(errors) = stage.shutdown.send_all(AppRef::new(stage.level.clone())).await {
                self.run().errors.extend(errors);
            }
        }
    }

    pub(super) async fn cleanup(&self) -> Result<(), BoxError> {
        // None is left where the runner has waited for them.
        self.cut_tasks();
        let mut errors = std::mem::take(&mut self.run().errors);
        for stage in &self.stages {
            let done = stage.cleanup.send_all(AppRef::new(stage.level.clone())).await;
            errors.extend(done.err().into_iter().flatten());
        }
        self.tear_down(&mut errors).await;
        Ok(SignalErrors::check(errors)?)
    }

    /// Teardowns in reverse; each runs once, whoever asks.
    async fn tear_down(&self, errors: &mut Vec<SignalError>) {
        loop {
            let Some(entered) = self.run().entered.pop() else { return };
            errors.extend(entered.exit().await.err().into_iter().flatten());
        }
    }
}

/// Lays an app's steps out in stages, with those of the apps inside it in between.
fn add(id: usize, apps: &mut [FlatApp], levels: &[Arc<Level>], stages: &mut Vec<Stage>) {
    let steps = std::mem::replace(&mut apps[id].steps, Steps::new());
    let mut children = std::mem::take(&mut apps[id].children).into_iter();
    let mut contexts = Some(steps.contexts);
    for signals in steps.runs {
        stages.push(Stage {
            level: levels[id].clone(),
            contexts: contexts.take(),
            startup: signals.startup.freeze(),
            shutdown: signals.shutdown.freeze(),
            cleanup: signals.cleanup.freeze(),
        });
        if let Some(child) = children.next() {
            add(child, apps, levels, stages);
        }
    }
}
