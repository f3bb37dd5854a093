//! The connections that ask again and again.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dunlin::client::{Client, Error, Request};
use tokio::task::JoinSet;

use super::Plan;
use super::pace::Pace;
use super::tally::Tally;

/// Pause after a failed request, where they are not paced: a server that refuses connections is not asked a
/// million times.
const AFTER_ERROR: Duration = Duration::from_millis(10);

/// What came of it.
pub(super) struct Outcome {
    pub(super) tally: Tally,
    /// From the first request to the end of the last.
    pub(super) elapsed: Duration,
    /// Requests that were due and never sent, for want of a free connection.
    pub(super) unsent: u64,
    /// It was ended by Ctrl-C.
    pub(super) interrupted: bool,
}

struct Shared {
    client: Client,
    request: Request,
    tally: Mutex<Tally>,
    /// Requests that were begun, where they are not paced.
    begun: AtomicU64,
    max: u64,
    end: Option<Instant>,
    pace: Option<Pace>,
}

pub(super) async fn run(plan: &Plan) -> Outcome {
    let begun = Instant::now();
    let end = plan.duration.map(|duration| begun + duration);
    let max = plan.requests.unwrap_or(u64::MAX);
    let shared = Arc::new(Shared {
        client: plan.client.clone(),
        request: plan.request.clone(),
        tally: Mutex::new(Tally::new()),
        begun: AtomicU64::new(0),
        max,
        end,
        pace: plan.rate.map(|rate| Pace::start(rate, begun, end, max)),
    });
    let mut workers = JoinSet::new();
    for _ in 0..plan.connections {
        workers.spawn(Arc::clone(&shared).work());
    }
    let mut interrupted = false;
    tokio::select! {
        () = async { while workers.join_next().await.is_some() {} } => {}
        _ = tokio::signal::ctrl_c() => {
            interrupted = true;
            workers.shutdown().await;
        }
    }
    let elapsed = begun.elapsed();
    // The workers have dropped theirs: they have been joined.
    let Some(shared) = Arc::into_inner(shared) else {
        unreachable!("a worker is gone and holds on")
    };
    Outcome {
        tally: shared.tally.into_inner().unwrap_or_else(PoisonError::into_inner),
        elapsed,
        unsent: shared.pace.map_or(0, Pace::stop),
        interrupted,
    }
}

impl Shared {
    async fn work(self: Arc<Self>) {
        while let Some(due) = self.next().await {
            let sent = Instant::now();
            let answer = ask(&self.client, self.request.clone()).await;
            let now = Instant::now();
            let failed = answer.is_err();
            {
                let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
                match answer {
                    Ok((status, bytes)) => {
                        tally.answered(status, bytes, now - due.unwrap_or(sent), now - sent);
                    }
                    Err(error) => tally.failed(error),
                }
            }
            if failed && self.pace.is_none() {
                tokio::time::sleep(AFTER_ERROR).await;
            }
        }
    }

    /// Waits until there is a request to send, and says since when it is due; `None` when there is none any more.
    async fn next(&self) -> Option<Option<Instant>> {
        match &self.pace {
            Some(pace) => pace.next().await.map(Some),
            None => {
                let is_late = self.end.is_some_and(|end| Instant::now() >= end);
                let takes = |n: u64| (n < self.max).then_some(n + 1);
                if is_late || self.begun.fetch_update(Relaxed, Relaxed, takes).is_err() {
                    return None;
                }
                Some(None)
            }
        }
    }
}

/// Status and length of the answer, read to its end.
async fn ask(client: &Client, request: Request) -> Result<(u16, u64), Error> {
    let mut response = client.execute(request).await?;
    let mut bytes = 0;
    while let Some(chunk) = response.chunk().await? {
        bytes += chunk.len() as u64;
    }
    Ok((response.status().as_u16(), bytes))
}
