//! What went wrong while serving, kept for the test to look at.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dunlin_server::ServerBuilder;

/// Faults kept of one server; further ones are only printed.
const FAULTS_MAX: usize = 100;

/// What no peer was told. A test sees it at the end, and on stderr as it happens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Arc<Mutex<Vec<String>>>);

impl Faults {
    /// The server's settings with a hook that keeps its faults here.
    pub(crate) fn watch(&self, server: ServerBuilder) -> ServerBuilder {
        let faults = self.clone();
        server.on_fault(move |fault| faults.add(fault.to_string()))
    }

    pub(crate) fn add(&self, fault: String) {
        eprintln!("dunlin: {fault}");
        let mut kept = self.lock();
        if kept.len() < FAULTS_MAX {
            kept.push(fault);
        }
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
