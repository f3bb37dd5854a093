//! Cleanups: things set up in order and torn down in reverse.

use std::fmt;
use std::panic::Location;

use crate::callback::{BoxFuture, IntoSignalResult, run};
use crate::error::{BoxError, EnterError, SignalErrors};

/// What undoes a setup, once.
///
/// Any closure that returns a future is one, and so is an async closure; `()` is one that does
/// nothing. The future yields nothing, or a `Result` of nothing with any error.
pub trait Teardown: Send + 'static {
    /// Undoes it.
    ///
    /// # Errors
    ///
    /// Whatever went wrong; other teardowns run nevertheless.
    fn teardown(self) -> impl Future<Output = Result<(), BoxError>> + Send + 'static;
}

impl Teardown for () {
    async fn teardown(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<F, Fut> Teardown for F
where
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output: IntoSignalResult> + Send + 'static,
{
    async fn teardown(self) -> Result<(), BoxError> {
        self().await.into_signal_result()
    }
}

/// Setups, each of which returns its own teardown.
///
/// `C` is what setups are given; each gets a clone.
///
/// ```
/// use dunlin_signals::{BoxError, Cleanup, Teardown};
///
/// # #[derive(Clone)] struct Pool;
/// # impl Pool {
/// #     async fn open(_: &str) -> Result<Self, BoxError> { Ok(Self) }
/// #     async fn close(&self) {}
/// # }
/// async fn database(url: String) -> Result<impl Teardown, BoxError> {
///     let pool = Pool::open(&url).await?;
///     Ok(async move || pool.close().await)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), BoxError> {
/// let mut cleanup = Cleanup::new();
/// cleanup.add(database);
/// let entered = cleanup.enter_all("db://local".to_owned()).await?;
/// // … serve …
/// entered.exit().await?;
/// # Ok(())
/// # }
/// ```
pub struct Cleanup<C> {
    setups: Vec<Setup<C>>,
}

struct Setup<C> {
    location: &'static Location<'static>,
    call: Box<dyn Fn(C) -> BoxFuture<Result<BoxTeardown, BoxError>> + Send + Sync>,
}

type BoxTeardown = Box<dyn FnOnce() -> BoxFuture<Result<(), BoxError>> + Send>;

impl<C: Clone + Send + 'static> Cleanup<C> {
    /// A list without setups.
    pub const fn new() -> Self {
        Self { setups: Vec::new() }
    }

    /// Adds a setup, to be run after those that are there and undone before them.
    #[track_caller]
    pub fn add<F, Fut, D, E>(&mut self, setup: F) -> &mut Self
    where
        F: Fn(C) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<D, E>> + Send + 'static,
        D: Teardown,
        E: Into<BoxError>,
    {
        self.add_located(Location::caller(), setup)
    }

    /// The same for a layer above that has recorded where its own caller stands.
    pub fn add_located<F, Fut, D, E>(
        &mut self,
        location: &'static Location<'static>,
        setup: F,
    ) -> &mut Self
    where
        F: Fn(C) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<D, E>> + Send + 'static,
        D: Teardown,
        E: Into<BoxError>,
    {
        let call = move |cx| -> BoxFuture<Result<BoxTeardown, BoxError>> {
            let future = setup(cx);
            Box::pin(async move {
                let teardown = future.await.map_err(Into::into)?;
                Ok(Box::new(move || -> BoxFuture<_> { Box::pin(teardown.teardown()) }) as _)
            })
        };
        self.setups.push(Setup { location, call: Box::new(call) });
        self
    }

    /// Appends the setups of `child`, as when an application is mounted in another.
    pub fn extend(&mut self, child: Self) -> &mut Self {
        self.setups.extend(child.setups);
        self
    }

    /// How many setups there are.
    pub fn len(&self) -> usize {
        self.setups.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.setups.is_empty()
    }

    /// Runs the setups in order.
    ///
    /// To drop the future before it is done drops what was set up without tearing it down.
    ///
    /// # Errors
    ///
    /// [`EnterError`] of the first setup that fails, after what was set up before it has been torn
    /// down in reverse.
    pub async fn enter_all(&self, cx: C) -> Result<Entered, EnterError> {
        let mut entered = Entered { teardowns: Vec::with_capacity(self.setups.len()) };
        for (index, Setup { location, call }) in self.setups.iter().enumerate() {
            // Moved in, so that what setups are given need not be `Sync`.
            let cx = cx.clone();
            match run(index, location, move || call(cx)).await {
                Ok(teardown) => entered.teardowns.push((index, location, teardown)),
                Err(setup) => {
                    let teardown = entered.exit().await.err();
                    return Err(EnterError { setup, teardown });
                }
            }
        }
        Ok(entered)
    }
}

impl<C: Clone + Send + 'static> Default for Cleanup<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C> fmt::Debug for Cleanup<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.setups.iter().map(|setup| setup.location.to_string());
        f.debug_list().entries(places).finish()
    }
}

/// What stands set up, until [`exit`](Self::exit) tears it down.
///
/// Dropping it runs no teardown, for a teardown is asynchronous: what the teardowns own is dropped,
/// and that is all.
#[must_use = "dropping it runs no teardown"]
pub struct Entered {
    teardowns: Vec<(usize, &'static Location<'static>, BoxTeardown)>,
}

impl Entered {
    /// Runs the teardowns in reverse order, all of them, whether or not some fail or panic.
    ///
    /// # Errors
    ///
    /// [`SignalErrors`] with all that failed, numbered as their setups are.
    pub async fn exit(self) -> Result<(), SignalErrors> {
        let mut errors = Vec::new();
        for (index, location, teardown) in self.teardowns.into_iter().rev() {
            errors.extend(run(index, location, teardown).await.err());
        }
        SignalErrors::check(errors)
    }

    /// How many teardowns there are to run.
    pub fn len(&self) -> usize {
        self.teardowns.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.teardowns.is_empty()
    }
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.teardowns.iter().map(|(_, location, _)| location.to_string());
        f.debug_list().entries(places).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::error::SignalError;

    type Log = Arc<Mutex<Vec<String>>>;

    fn write(log: &Log, text: impl Into<String>) {
        log.lock().unwrap().push(text.into());
    }

    /// Logs `+name`, then `-name`; fails where `fails` is that word.
    fn add(cleanup: &mut Cleanup<Log>, name: &'static str, fails: &'static str) {
        cleanup.add(move |log: Log| async move {
            write(&log, format!("+{name}"));
            match fails {
                "setup" => return Err(BoxError::from("setup failed")),
                "setup panics" => panic!("setup panicked"),
                _ => {}
            }
            Ok(async move || {
                tokio::task::yield_now().await;
                write(&log, format!("-{name}"));
                match fails {
                    "teardown" => Err("teardown failed"),
                    "teardown panics" => panic!("teardown panicked"),
                    _ => Ok(()),
                }
            })
        });
    }

    fn taken(log: &Log) -> String {
        std::mem::take(&mut *log.lock().unwrap()).join(" ")
    }

    #[tokio::test]
    async fn teardowns_run_in_reverse() {
        let (mut cleanup, mut child) = (Cleanup::new(), Cleanup::new());
        add(&mut cleanup, "a", "");
        add(&mut child, "b", "");
        cleanup.extend(child);
        add(&mut cleanup, "c", "");
        let log = Log::default();
        let entered = cleanup.enter_all(log.clone()).await.unwrap();
        assert_eq!((taken(&log), entered.len()), ("+a +b +c".to_owned(), 3));
        entered.exit().await.unwrap();
        assert_eq!(taken(&log), "-c -b -a");
    }

    #[tokio::test]
    async fn a_setup_that_fails_undoes_those_before_it() {
        for fails in ["setup", "setup panics"] {
            let mut cleanup = Cleanup::new();
            add(&mut cleanup, "a", "teardown");
            add(&mut cleanup, "b", "");
            add(&mut cleanup, "c", fails);
            add(&mut cleanup, "d", "");
            let log = Log::default();
            let error = cleanup.enter_all(log.clone()).await.unwrap_err();
            assert_eq!(taken(&log), "+a +b +c -b -a");
            assert_eq!(error.setup.index(), 2);
            let text = error.to_string();
            assert!(text.contains("setup ") && text.contains("\nteardown: callback 0"), "{text}");
        }
    }

    #[tokio::test]
    async fn all_teardowns_run_even_if_some_fail_or_panic() {
        let mut cleanup = Cleanup::new();
        add(&mut cleanup, "a", "");
        add(&mut cleanup, "b", "teardown");
        add(&mut cleanup, "c", "teardown panics");
        let log = Log::default();
        let errors = cleanup.enter_all(log.clone()).await.unwrap().exit().await.unwrap_err();
        assert_eq!(taken(&log), "+a +b +c -c -b -a");
        assert!(errors.iter().map(SignalError::index).eq([2, 1]));
    }

    async fn nothing(_: Log) -> Result<(), std::io::Error> {
        Ok(())
    }

    async fn closure(log: Log) -> Result<impl Teardown, std::io::Error> {
        Ok(move || async move { write(&log, "closure") })
    }

    async fn async_closure(log: Log) -> Result<impl Teardown, BoxError> {
        Ok(async move || write(&log, "async closure"))
    }

    #[tokio::test]
    async fn every_shape_of_teardown_is_taken() {
        let mut cleanup = Cleanup::new();
        cleanup.add(nothing).add(closure).add(async_closure);
        let log = Log::default();
        let entered = cleanup.enter_all(log.clone()).await.unwrap();
        // On another thread, as a runtime may move it.
        tokio::spawn(entered.exit()).await.unwrap().unwrap();
        assert_eq!(taken(&log), "async closure closure");
    }

    #[tokio::test]
    async fn entering_runs_on_any_thread() {
        let mut cleanup = Cleanup::new();
        cleanup.add(|_: std::cell::Cell<u8>| async { Ok::<_, BoxError>(()) });
        let cx = std::cell::Cell::new(1);
        let entered = tokio::spawn(async move { cleanup.enter_all(cx).await }).await.unwrap();
        entered.unwrap().exit().await.unwrap();
    }

    #[tokio::test]
    async fn dropping_runs_no_teardown_but_drops_what_they_own() {
        let mut cleanup = Cleanup::new();
        add(&mut cleanup, "a", "");
        let log = Log::default();
        drop(cleanup.enter_all(log.clone()).await.unwrap());
        assert_eq!(taken(&log), "+a");
        assert_eq!(Arc::strong_count(&log), 1);
    }
}
