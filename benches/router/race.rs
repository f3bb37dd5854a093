//! Several routers that look up the same paths, timed against each other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};

/// One table and one kind of path, and all who look them up.
pub(crate) struct Race {
    /// The table: a group of rows is one.
    pub(crate) group: String,
    /// The kind of path.
    pub(crate) input: String,
    /// Paths that one call goes through.
    pub(crate) paths: usize,
    /// Ours first, then those it is compared with.
    pub(crate) runners: Vec<Runner>,
}

/// One router with its table.
pub(crate) struct Runner {
    pub(crate) name: &'static str,
    call: Box<dyn FnMut()>,
}

impl Runner {
    /// Looks up every path in one call. What `find` gives must have gone through
    /// [`black_box`](std::hint::black_box).
    pub(crate) fn new(
        name: &'static str,
        paths: Arc<[String]>,
        find: impl Fn(&str) + 'static,
    ) -> Self {
        let call = move || paths.iter().for_each(|path| find(path));
        Self { name, call: Box::new(call) }
    }

    fn time(&mut self) -> Duration {
        let start = Instant::now();
        (self.call)();
        start.elapsed()
    }
}

impl Race {
    /// Runs it for criterion's statistics.
    pub(crate) fn bench(&mut self, criterion: &mut Criterion) {
        let mut group = criterion.benchmark_group(format!("{}/{}", self.group, self.input));
        group.throughput(Throughput::Elements(self.paths as u64));
        for runner in &mut self.runners {
            group.bench_function(runner.name, |b| b.iter(|| (runner.call)()));
        }
        group.finish();
    }

    /// Lets each run `rounds` times, and keeps the least nanoseconds that it took for a path.
    ///
    /// What else the machine does only ever adds time: the least of many short samples is what the code
    /// itself takes. The rounds of one are not mixed with those of others, who would take its table out of
    /// the caches.
    pub(crate) fn measure(&mut self, rounds: u32, least: &mut [f64]) {
        for (runner, least) in self.runners.iter_mut().zip(least) {
            for _ in 0..rounds {
                let nanos = runner.time().as_nanos() as f64 / self.paths as f64;
                *least = least.min(nanos);
            }
        }
    }
}
