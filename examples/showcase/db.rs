//! SQLite on a thread of its own: its calls block, and no async thread may wait for a disk.
//!
//! Work is sent there as closures, which run one after the other, so that no two of them are ever in each
//! other's way; a request whose client goes has its work done nevertheless.

use std::path::PathBuf;
use std::time::Duration;

use dunlin::web::HttpError;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

/// Work that may wait; more of it waits outside, and so holds requests up instead of filling memory.
const QUEUE: usize = 256;

/// What each version of the tables adds. Never change one that was released: append another.
const VERSIONS: [&str; 1] = ["
    CREATE TABLE notes (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        lane TEXT NOT NULL,
        text TEXT NOT NULL,
        author TEXT NOT NULL,
        created INTEGER NOT NULL,
        version INTEGER NOT NULL DEFAULT 1
    );
    CREATE TABLE files (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        stored TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        size INTEGER NOT NULL,
        author TEXT NOT NULL,
        created INTEGER NOT NULL
    );
"];

/// The database; clones are the same one.
#[derive(Clone)]
pub(crate) struct Db {
    jobs: mpsc::Sender<Job>,
}

enum Job {
    Run(Box<dyn FnOnce(&mut Connection) + Send>),
    Close(oneshot::Sender<rusqlite::Result<()>>),
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum DbError {
    #[error("the database is closed")]
    Closed,
    #[error("sqlite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("the data are of version {found}, made by a newer showcase than this one")]
    TooNew { found: usize },
}

/// 500, told to the log and not to the peer.
impl From<DbError> for HttpError {
    fn from(error: DbError) -> Self {
        Self::internal().with_source(error)
    }
}

impl Db {
    /// Opens the file, and makes or brings up to date what is in it.
    pub(crate) async fn open(file: PathBuf) -> Result<Self, DbError> {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let (ready, opened) = oneshot::channel();
        std::thread::Builder::new()
            .name("sqlite".into())
            .spawn(move || match connect(file) {
                Ok(connection) => {
                    let _ = ready.send(Ok(()));
                    work(connection, waiting);
                }
                Err(error) => drop(ready.send(Err(error))),
            })
            .map_err(|_| DbError::Closed)?;
        opened.await.map_err(|_| DbError::Closed)??;
        Ok(Self { jobs })
    }

    /// Does some work on the database's thread, and gives its result.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T, DbError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let job = Job::Run(Box::new(move |connection| drop(tell.send(work(connection)))));
        self.jobs.send(job).await.map_err(|_| DbError::Closed)?;
        Ok(told.await.map_err(|_| DbError::Closed)??)
    }

    /// Does what waits, writes everything to the one file, and closes it.
    pub(crate) async fn close(&self) -> Result<(), DbError> {
        let (tell, told) = oneshot::channel();
        self.jobs.send(Job::Close(tell)).await.map_err(|_| DbError::Closed)?;
        Ok(told.await.map_err(|_| DbError::Closed)??)
    }
}

fn work(mut connection: Connection, mut waiting: mpsc::Receiver<Job>) {
    while let Some(job) = waiting.blocking_recv() {
        match job {
            Job::Run(work) => work(&mut connection),
            Job::Close(tell) => {
                let _ = tell.send(connection.close().map_err(|(_, error)| error));
                return;
            }
        }
    }
}

fn connect(file: PathBuf) -> Result<Connection, DbError> {
    let mut connection = Connection::open(file)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    // Readers do not wait for writers, and a commit costs one fsync less; what is committed survives a crash
    // of the program, and the last of it may not survive one of the machine.
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "normal")?;
    let found: usize = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > VERSIONS.len() {
        return Err(DbError::TooNew { found });
    }
    let change = connection.transaction()?;
    for sql in &VERSIONS[found..] {
        change.execute_batch(sql)?;
    }
    change.pragma_update(None, "user_version", VERSIONS.len())?;
    change.commit()?;
    Ok(connection)
}
