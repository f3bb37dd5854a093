//! Several ways to do the same work, timed against each other.

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};

/// One input, and all who process it.
pub(crate) struct Race {
    /// What is done: `decode`, `encode`, ….
    pub(crate) group: &'static str,
    /// What it is done to.
    pub(crate) input: String,
    /// Bytes of one payload.
    pub(crate) bytes: usize,
    /// Payloads that one call goes through.
    pub(crate) payloads: usize,
    /// Ours first, then those it is compared with.
    pub(crate) runners: Vec<Runner>,
}

/// One way to do it.
pub(crate) struct Runner {
    pub(crate) name: &'static str,
    call: Box<dyn FnMut()>,
}

impl Runner {
    /// What `call` makes must have gone through [`black_box`](std::hint::black_box).
    pub(crate) fn new(name: &'static str, mut call: impl FnMut() + 'static) -> Self {
        call();
        Self { name, call: Box::new(call) }
    }

    fn time(&mut self) -> Duration {
        let start = Instant::now();
        (self.call)();
        start.elapsed()
    }
}

impl Race {
    /// How many payloads of that size a call goes through, so that the clock does not count.
    pub(crate) fn payloads(size: usize) -> usize {
        ((1 << 20) / size).clamp(4, 2048)
    }

    /// Runs it for criterion's statistics.
    pub(crate) fn bench(&mut self, criterion: &mut Criterion) {
        let mut group = criterion.benchmark_group(format!("{}/{}", self.group, self.input));
        group.throughput(Throughput::Bytes((self.bytes * self.payloads) as u64));
        for runner in &mut self.runners {
            group.bench_function(runner.name, |b| b.iter(|| (runner.call)()));
        }
        group.finish();
    }

    /// Lets all run in turn, `rounds` times, and keeps the least nanoseconds that each took for a payload.
    ///
    /// What else the machine does only ever adds time, and adds it to all who run at that moment: the least
    /// of many short samples is what the code itself takes.
    pub(crate) fn measure(&mut self, rounds: u32, least: &mut [f64]) {
        for _ in 0..rounds {
            for (runner, least) in self.runners.iter_mut().zip(&mut *least) {
                let nanos = runner.time().as_nanos() as f64 / self.payloads as f64;
                *least = least.min(nanos);
            }
        }
    }
}
