//! Which changes of the directory count.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::{self, Receiver};
use tokio::time::{Instant, timeout_at};

use super::live::Live;
use crate::failure::{Code, Failure};

/// A change counts once nothing has changed for so long: builds write many files.
const QUIET: Duration = Duration::from_millis(100);

/// And at the latest after so long.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// Watches for as long as it lives.
pub(super) struct Watch(
    #[expect(dead_code, reason = "it works while it is kept")] RecommendedWatcher,
);

impl Watch {
    pub(super) fn start(dir: &Path, hidden: bool, live: Live) -> Result<Self, Failure> {
        let failed = |error: notify::Error| {
            let what = format!("cannot watch {} for changes: {error}", dir.display());
            let failure = Failure::new(Code::File, what);
            match error.kind {
                notify::ErrorKind::MaxFilesWatch => failure.hint(
                    "serve a smaller directory, or raise fs.inotify.max_user_watches by sysctl",
                ),
                _ => failure,
            }
        };
        let root = dir.canonicalize().map_err(|error| Failure::file("watch", dir, &error))?;
        // One that waits stands for any number.
        let (sender, receiver) = mpsc::channel(1);
        let below = root.clone();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // After an error some change may have gone unseen.
            let counts = event.map_or(true, |event| counts(&event, &below, hidden));
            if counts {
                let _ = sender.try_send(());
            }
        })
        .map_err(failed)?;
        watcher.watch(&root, RecursiveMode::Recursive).map_err(failed)?;
        tokio::spawn(settle(receiver, live));
        Ok(Self(watcher))
    }
}

/// Whether an event is a change of something that is served.
fn counts(event: &Event, root: &Path, hidden: bool) -> bool {
    let is_change = !matches!(event.kind, EventKind::Access(_));
    let is_hidden = |path: &PathBuf| {
        let below = path.strip_prefix(root).unwrap_or(path);
        below.components().any(|part| match part {
            Component::Normal(name) => name.as_encoded_bytes().starts_with(b"."),
            _ => false,
        })
    };
    is_change && (hidden || event.paths.is_empty() || !event.paths.iter().all(is_hidden))
}

/// Tells of changes once they have come to rest.
async fn settle(mut changes: Receiver<()>, live: Live) {
    while changes.recv().await.is_some() {
        let latest = Instant::now() + MAX_WAIT;
        while let Ok(Some(())) =
            timeout_at((Instant::now() + QUIET).min(latest), changes.recv()).await
        {}
        live.changed();
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{AccessKind, CreateKind};

    use super::*;

    #[test]
    fn reads_and_hidden_files_are_no_changes() {
        let event = |kind, path: &str| Event::new(kind).add_path(PathBuf::from(path));
        let create = EventKind::Create(CreateKind::Any);
        let root = Path::new("/home/me/.site");
        assert!(counts(&event(create, "/home/me/.site/a/b.css"), root, false));
        assert!(!counts(&event(create, "/home/me/.site/.git/index"), root, false));
        assert!(counts(&event(create, "/home/me/.site/.git/index"), root, true));
        let read = EventKind::Access(AccessKind::Any);
        assert!(!counts(&event(read, "/home/me/.site/a"), root, true));
    }
}
