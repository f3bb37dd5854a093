//! Signals: receivers that are called in order.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::callback::{BoxFuture, IntoSignalResult, run};
use crate::error::{BoxError, SignalError, SignalErrors};

/// Collects receivers, which [`freeze`](Self::freeze) makes callable.
///
/// See the [crate documentation](crate) for an example.
pub struct Signal<T> {
    receivers: Vec<Receiver<T>>,
}

struct Receiver<T> {
    location: &'static Location<'static>,
    call: Box<dyn Fn(T) -> BoxFuture<Result<(), BoxError>> + Send + Sync>,
}

impl<T: Clone + Send + 'static> Signal<T> {
    /// A signal without receivers.
    pub const fn new() -> Self {
        Self { receivers: Vec::new() }
    }

    /// Adds a receiver, to be called after those that are there.
    ///
    /// An `async fn`, an async closure, or a closure that returns a future.
    #[track_caller]
    pub fn connect<F, Fut>(&mut self, receiver: F) -> &mut Self
    where
        F: Fn(T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoSignalResult> + Send + 'static,
    {
        self.connect_located(Location::caller(), receiver)
    }

    /// The same for a layer above that has recorded where its own caller stands.
    pub fn connect_located<F, Fut>(
        &mut self,
        location: &'static Location<'static>,
        receiver: F,
    ) -> &mut Self
    where
        F: Fn(T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoSignalResult> + Send + 'static,
    {
        let call = move |value| -> BoxFuture<_> {
            let future = receiver(value);
            Box::pin(async move { future.await.into_signal_result() })
        };
        self.receivers.push(Receiver { location, call: Box::new(call) });
        self
    }

    /// Appends the receivers of `child`, as when an application is mounted in another.
    pub fn extend(&mut self, child: Self) -> &mut Self {
        self.receivers.extend(child.receivers);
        self
    }

    /// How many receivers there are.
    pub fn len(&self) -> usize {
        self.receivers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.receivers.is_empty()
    }

    /// Closes the list: from here on receivers are called, not added.
    pub fn freeze(self) -> FrozenSignal<T> {
        FrozenSignal { receivers: self.receivers.into() }
    }
}

impl<T: Clone + Send + 'static> Default for Signal<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Signal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.receivers.iter().map(|receiver| receiver.location.to_string());
        f.debug_list().entries(places).finish()
    }
}

/// A signal whose receivers are settled. Cheap to clone.
pub struct FrozenSignal<T> {
    receivers: Arc<[Receiver<T>]>,
}

impl<T: Clone + Send + 'static> FrozenSignal<T> {
    /// Calls the receivers one after the other, up to the first that fails.
    ///
    /// # Errors
    ///
    /// [`SignalError`] of that one. Those after it were not called.
    pub async fn send(&self, value: T) -> Result<(), SignalError> {
        for (index, Receiver { location, call }) in self.receivers.iter().enumerate() {
            // Moved in, so that values need not be `Sync`.
            let value = value.clone();
            run(index, location, move || call(value)).await?;
        }
        Ok(())
    }

    /// Calls all receivers one after the other, whether or not some fail. For what has to happen,
    /// as when a program ends.
    ///
    /// # Errors
    ///
    /// [`SignalErrors`] with all that failed.
    pub async fn send_all(&self, value: T) -> Result<(), SignalErrors> {
        let mut errors = Vec::new();
        for (index, Receiver { location, call }) in self.receivers.iter().enumerate() {
            let value = value.clone();
            errors.extend(run(index, location, move || call(value)).await.err());
        }
        SignalErrors::check(errors)
    }

    /// How many receivers there are.
    pub fn len(&self) -> usize {
        self.receivers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.receivers.is_empty()
    }
}

impl<T> Clone for FrozenSignal<T> {
    fn clone(&self) -> Self {
        Self { receivers: Arc::clone(&self.receivers) }
    }
}

impl<T> fmt::Debug for FrozenSignal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.receivers.iter().map(|receiver| receiver.location.to_string());
        f.debug_list().entries(places).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;

    type Log = Arc<Mutex<Vec<&'static str>>>;

    fn log(signal: &mut Signal<Log>, word: &'static str) {
        signal.connect(move |log: Log| async move { log.lock().unwrap().push(word) });
    }

    fn words(log: &Log) -> Vec<&'static str> {
        std::mem::take(&mut log.lock().unwrap())
    }

    async fn slow(log: Log) -> Result<(), std::io::Error> {
        tokio::time::sleep(Duration::from_millis(5)).await;
        log.lock().unwrap().push("slow");
        Ok(())
    }

    #[tokio::test]
    async fn receivers_are_called_in_order_and_one_at_a_time() {
        let mut signal = Signal::new();
        log(&mut signal, "first");
        signal.connect(slow);
        signal.connect(async |log: Log| log.lock().unwrap().push("last"));
        let (signal, log) = (signal.freeze(), Log::default());
        signal.send(log.clone()).await.unwrap();
        assert_eq!(words(&log), ["first", "slow", "last"]);
        signal.clone().send_all(log.clone()).await.unwrap();
        assert_eq!(words(&log).len(), 3);
    }

    #[tokio::test]
    async fn send_stops_at_the_first_error_and_says_whose_it_is() {
        let mut signal = Signal::new();
        log(&mut signal, "before");
        let line = line!() + 1;
        signal.connect(|_: Log| async { Err("no") });
        log(&mut signal, "after");
        let (signal, log) = (signal.freeze(), Log::default());
        let error = signal.send(log.clone()).await.unwrap_err();
        assert_eq!((error.index(), error.location().line()), (1, line));
        assert!(error.to_string().ends_with(": no"));
        assert_eq!(words(&log), ["before"]);
    }

    #[tokio::test]
    async fn send_all_calls_everyone_and_gathers_errors() {
        let mut signal = Signal::new();
        signal.connect(|_: Log| async { Err("a") });
        log(&mut signal, "middle");
        signal.connect(|_: Log| async { Err(std::io::Error::other("b")) });
        let (signal, log) = (signal.freeze(), Log::default());
        let errors = signal.send_all(log.clone()).await.unwrap_err();
        assert!(errors.iter().map(SignalError::index).eq([0, 2]));
        assert_eq!(words(&log), ["middle"]);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_of_its_receiver() {
        let mut signal = Signal::new();
        signal.connect(|_: Log| -> std::future::Ready<()> { panic!("at once") });
        signal.connect(|log: Log| async move {
            tokio::task::yield_now().await;
            assert!(!words(&log).is_empty(), "later");
        });
        log(&mut signal, "after");
        let (signal, log) = (signal.freeze(), Log::default());
        let errors = signal.send_all(log.clone()).await.unwrap_err().to_string();
        assert!(errors.contains("panicked: at once") && errors.contains("panicked: later"));
        assert_eq!(words(&log), ["after"]);
    }

    #[tokio::test]
    async fn receivers_of_a_child_stand_where_it_was_mounted() {
        let (mut parent, mut child) = (Signal::new(), Signal::new());
        log(&mut child, "child");
        log(&mut parent, "before");
        parent.extend(child);
        log(&mut parent, "after");
        assert_eq!(parent.len(), 3);
        let log = Log::default();
        parent.freeze().send(log.clone()).await.unwrap();
        assert_eq!(words(&log), ["before", "child", "after"]);
    }

    #[tokio::test]
    async fn sending_runs_on_any_thread() {
        // The value need not be `Sync`.
        let mut signal = Signal::new();
        signal.connect(async |_: std::cell::Cell<u8>| {});
        let signal = signal.freeze();
        tokio::spawn(async move { signal.send(std::cell::Cell::new(1)).await })
            .await
            .unwrap()
            .unwrap();
    }
}
