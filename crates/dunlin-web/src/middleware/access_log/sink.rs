//! Where lines go: a thread of their own writes them.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Lines that may wait for the writer.
const QUEUE_MAX: usize = 8_192;

/// How long the end of the log waits for its writer to finish.
const END_MAX: Duration = Duration::from_secs(1);

/// A queue of lines, and the thread that writes them.
pub(super) struct Queue {
    lines: Option<SyncSender<String>>,
    lost: Arc<AtomicU64>,
    /// Ends when the thread does.
    ended: Mutex<Receiver<()>>,
}

impl Queue {
    pub(super) fn new(writer: impl Write + Send + 'static) -> Self {
        let (lines, queued) = sync_channel(QUEUE_MAX);
        let (alive, ended) = sync_channel(0);
        let lost = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&lost);
        let thread = thread::Builder::new().name("dunlin-access-log".into());
        let started = thread.spawn(move || {
            let _alive: SyncSender<()> = alive;
            write_all(writer, &queued, &counted);
        });
        if let Err(error) = started {
            eprintln!("dunlin: no access log: its thread cannot be started: {error}");
        }
        Self { lines: Some(lines), lost, ended: Mutex::new(ended) }
    }

    /// Queues a line; where the writer is far behind it is lost, and counted.
    pub(super) fn push(&self, line: String) {
        if let Some(lines) = &self.lines
            && let Err(TrySendError::Full(_)) = lines.try_send(line)
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Waits a little for what is queued to be written.
impl Drop for Queue {
    fn drop(&mut self) {
        self.lines = None;
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = ended.recv_timeout(END_MAX);
    }
}

fn write_all(mut writer: impl Write, lines: &Receiver<String>, lost: &AtomicU64) {
    let mut has_failed = false;
    while let Ok(first) = lines.recv() {
        let mut next = Ok(first);
        while let Ok(mut line) = next {
            line.push('\n');
            tell(writer.write_all(line.as_bytes()), &mut has_failed);
            next = lines.try_recv();
        }
        tell(writer.flush(), &mut has_failed);
        match lost.swap(0, Ordering::Relaxed) {
            0 => {}
            n => eprintln!("dunlin: {n} lines of the access log were lost: its writer is too slow"),
        }
        if let Err(TryRecvError::Disconnected) = next {
            break;
        }
    }
}

/// A failure is told once, until writing works again.
fn tell(result: std::io::Result<()>, has_failed: &mut bool) {
    if let Err(error) = &result
        && !*has_failed
    {
        eprintln!("dunlin: the access log cannot be written: {error}");
    }
    *has_failed = result.is_err();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_was_queued_is_written_by_the_end() {
        let written = Shared::default();
        let queue = Queue::new(written.clone());
        for n in 0..1_000 {
            queue.push(n.to_string());
        }
        drop(queue);
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1_000);
        assert!(text.starts_with("0\n1\n2\n") && text.ends_with("\n999\n"));
    }

    #[test]
    fn a_writer_that_hangs_holds_nobody_up_and_what_is_lost_is_counted() {
        struct Hangs(Receiver<()>);
        impl Write for Hangs {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                let _ = self.0.recv();
                Ok(bytes.len())
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (go_on, wait) = sync_channel(1);
        let queue = Queue::new(Hangs(wait));
        for _ in 0..QUEUE_MAX + 10 {
            queue.push("x".into());
        }
        assert!(queue.lost.load(Ordering::Relaxed) >= 9);
        drop(go_on);
    }
}
