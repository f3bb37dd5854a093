//! Several ways to do the same work, timed against each other.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use dunlin_codec::internals::Level;

/// One input, and all who process it.
pub(crate) struct Race {
    /// What is done: `heads`, `owned`, ….
    pub(crate) group: &'static str,
    /// What it is done to.
    pub(crate) input: &'static str,
    /// Bytes of one input.
    pub(crate) bytes: usize,
    /// Inputs that one call goes through.
    pub(crate) inputs: usize,
    /// Ours first, then those it is compared with.
    pub(crate) runners: Vec<Runner>,
}

/// One way to do it.
pub(crate) struct Runner {
    name: &'static str,
    /// Calls that often, and tells how long that took.
    run: Box<dyn FnMut(u64) -> Duration>,
}

impl Runner {
    /// What `call` makes must have gone through [`black_box`](std::hint::black_box).
    pub(crate) fn new(name: &'static str, mut call: impl FnMut() + 'static) -> Self {
        Self::over(name, vec![()], move |()| call())
    }

    /// The same with something that lies elsewhere in memory at each sample.
    ///
    /// The stack does, too. Where the last bits of two addresses are unfortunate, the same code takes
    /// up to a fifth longer, and builds and runs decide on those by chance.
    pub(crate) fn over<P: 'static>(
        name: &'static str,
        mut places: Vec<P>,
        mut call: impl FnMut(&mut P) + 'static,
    ) -> Self {
        let mut samples = 0;
        let run = move |calls| {
            samples += 1;
            let index = samples % places.len();
            let (place, mut elapsed) = (&mut places[index], Duration::ZERO);
            down_the_stack(samples / PLACES % PLACES, &mut || {
                let start = Instant::now();
                for _ in 0..calls {
                    call(place);
                }
                elapsed = start.elapsed();
            });
            elapsed
        };
        Self { name, run: Box::new(run) }
    }
}

/// Calls from so many frames further down.
#[inline(never)]
fn down_the_stack(frames: usize, call: &mut dyn FnMut()) {
    let room = black_box([0_u8; APART]);
    match frames.checked_sub(1) {
        Some(frames) => down_the_stack(frames, call),
        None => call(),
    }
    black_box(&room);
}

/// How many places there are: all sixteenths of a page.
const PLACES: usize = 16;
/// Bytes from the start of one to the next, but for whole pages.
const APART: usize = 4096 / PLACES + 16;

/// These bytes at all places, on boundaries of sixteen as an allocator has them.
pub(crate) fn placed(bytes: &[u8]) -> Vec<&'static [u8]> {
    let stride = bytes.len().next_multiple_of(4096) + APART;
    let block = Vec::leak(vec![0; stride * PLACES]);
    let place = |place: &'static mut [u8]| {
        place[..bytes.len()].copy_from_slice(bytes);
        &place[..bytes.len()]
    };
    block.chunks_mut(stride).map(place).collect()
}

/// Empty buffers at all places, each of more than a page.
pub(crate) fn buffers() -> Vec<Vec<u8>> {
    // An allocator adds sixteen bytes of its own to each.
    (0..PLACES).map(|_| Vec::with_capacity(4096 + APART - 16)).collect()
}

/// The least nanoseconds that anyone took for one input.
#[derive(Clone)]
pub(crate) struct Best {
    /// Ours at each level.
    pub(crate) ours: Vec<f64>,
    pub(crate) rivals: Vec<f64>,
}

impl Best {
    /// How much longer than we at that level the rival takes.
    pub(crate) fn ratio(&self, level: usize, rival: usize) -> f64 {
        self.rivals[rival] / self.ours[level]
    }
}

impl Race {
    /// The names of all, ours first.
    pub(crate) fn runners(&self) -> Vec<&'static str> {
        self.runners.iter().map(|runner| runner.name).collect()
    }

    /// Runs it for criterion's statistics.
    pub(crate) fn bench(&mut self, criterion: &mut Criterion) {
        let mut group = criterion.benchmark_group(format!("{}/{}", self.group, self.input));
        group.throughput(Throughput::Bytes((self.bytes * self.inputs) as u64));
        for runner in &mut self.runners {
            group.bench_function(runner.name, |b| b.iter_custom(|calls| (runner.run)(calls)));
        }
        group.finish();
    }

    /// A result that every measured one is better than.
    pub(crate) fn unmeasured(&self, levels: &[Level]) -> Best {
        let rivals = vec![f64::INFINITY; self.runners.len() - 1];
        Best { ours: vec![f64::INFINITY; levels.len()], rivals }
    }

    /// Lets all run in turn, `rounds` times, and keeps the least that each took.
    ///
    /// What else the machine does only ever adds time, and adds it to all who run at that moment:
    /// the least of many short samples is what the code itself takes. A sample is some 200 inputs
    /// long, so that the clock and the first calls, with cold caches, do not count.
    pub(crate) fn measure(&mut self, levels: &[Level], rounds: u32, best: &mut Best) {
        let calls = 200_usize.div_ceil(self.inputs);
        let inputs = (calls * self.inputs) as f64;
        let (ours, rivals) = self.runners.split_first_mut().expect("ours is there");
        let sample = |runner: &mut Runner, best: &mut f64| {
            let nanos = (runner.run)(calls as u64).as_nanos() as f64;
            *best = best.min(nanos / inputs);
        };
        for _ in 0..rounds {
            for (level, best) in levels.iter().zip(&mut best.ours) {
                level.force();
                sample(ours, best);
            }
            for (rival, best) in rivals.iter_mut().zip(&mut best.rivals) {
                sample(rival, best);
            }
        }
        if let Some(in_use) = levels.first() {
            in_use.force();
        }
    }
}
