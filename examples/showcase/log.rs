//! The live log, over server-sent events: what people do, and what the server answers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use dunlin::web::{AccessEntry, Group, LastEventId, Result, Sse, SseEvent, State, get, group};
use futures_util::stream;
use serde::Serialize;
use tokio::sync::broadcast;

use crate::auth::{Session, now};

/// Entries that are kept for pages that come later, or come back.
const KEPT: usize = 200;

/// The newest entries; clones are the same log.
#[derive(Clone)]
pub(crate) struct Log(Arc<Shared>);

struct Shared {
    /// Begins every id: those of a run before this one mean nothing here.
    run: u64,
    entries: Mutex<Entries>,
    newest: broadcast::Sender<Arc<Entry>>,
}

#[derive(Default)]
struct Entries {
    last: u64,
    kept: VecDeque<Arc<Entry>>,
}

#[derive(Serialize)]
struct Entry {
    #[serde(skip)]
    number: u64,
    at: u64,
    #[serde(flatten)]
    what: What,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum What {
    Action { name: String, text: String },
    Request { method: String, path: String, status: u16, ms: f64 },
}

impl Log {
    pub(crate) fn new() -> Self {
        let (newest, _) = broadcast::channel(KEPT);
        Self(Arc::new(Shared { run: now(), entries: Mutex::default(), newest }))
    }

    /// Someone has done something.
    pub(crate) fn say(&self, name: &str, text: &str) {
        self.push(What::Action { name: name.to_owned(), text: text.to_owned() });
    }

    /// A request was answered. Those of the pages' parts are left out, and the log's own, which ends with the
    /// page that shows it.
    pub(crate) fn request(&self, entry: &AccessEntry<'_>) {
        let path = entry.head.path();
        if path != "/log/events" && !path.starts_with("/assets/") {
            self.push(What::Request {
                method: entry.head.method().to_string(),
                path: path.chars().take(200).collect(),
                status: entry.status.as_u16(),
                ms: entry.took.as_secs_f64() * 1_000.0,
            });
        }
    }

    fn push(&self, what: What) {
        let mut entries = self.0.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.last += 1;
        let entry = Arc::new(Entry { number: entries.last, at: now(), what });
        if entries.kept.len() == KEPT {
            entries.kept.pop_front();
        }
        entries.kept.push_back(Arc::clone(&entry));
        // Under the lock, so that who subscribes under it misses none and has none twice. Nobody listening is
        // no error.
        let _ = self.0.newest.send(entry);
    }

    /// What came after the entry of that id, and what comes from now on.
    fn since(&self, id: Option<&str>) -> (VecDeque<Arc<Entry>>, broadcast::Receiver<Arc<Entry>>) {
        let seen = id
            .and_then(|id| id.split_once('-'))
            .filter(|(run, _)| run.parse() == Ok(self.0.run))
            .and_then(|(_, number)| number.parse::<u64>().ok())
            .unwrap_or(0);
        let entries = self.0.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let missed = entries.kept.iter().filter(|entry| entry.number > seen).cloned().collect();
        (missed, self.0.newest.subscribe())
    }
}

pub(crate) fn routes() -> Group {
    group("/log").routes([get("/events", events)])
}

/// An `EventSource` that has lost its connection asks again by itself, and says how far it came.
async fn events(_: Session, log: State<Log>, LastEventId(id): LastEventId) -> Sse {
    let run = log.0.run;
    Sse::new(stream::unfold(log.since(id.as_deref()), move |(mut missed, mut newest)| async move {
        let entry = match missed.pop_front() {
            Some(entry) => entry,
            None => loop {
                match newest.recv().await {
                    Ok(entry) => break entry,
                    // A page too slow for the log goes on with what is newest.
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            },
        };
        Some((event(run, &entry), (missed, newest)))
    }))
}

fn event(run: u64, entry: &Entry) -> Result<SseEvent> {
    Ok(SseEvent::json(entry)?.id(format!("{run}-{}", entry.number))?)
}
