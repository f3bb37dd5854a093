//! Questions and choices. SQLite's calls block, so they are made on threads that may.

use std::sync::{Arc, Mutex, PoisonError};

use dunlin::BoxError;
use dunlin::web::Result;
use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;

const TABLES: &str = "
    PRAGMA foreign_keys = ON;
    CREATE TABLE IF NOT EXISTS question (id INTEGER PRIMARY KEY, text TEXT NOT NULL, published TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS choice (
        id INTEGER PRIMARY KEY,
        question INTEGER NOT NULL REFERENCES question ON DELETE CASCADE,
        text TEXT NOT NULL,
        votes INTEGER NOT NULL DEFAULT 0
    );";

/// What a new database begins with.
const SAMPLES: &str = "
    INSERT INTO question (id, text, published) VALUES
        (1, 'Which wader is in the bay?', date('now')),
        (2, 'Tabs or spaces?', date('now'));
    INSERT INTO choice (question, text) VALUES
        (1, 'Dunlin'), (1, 'Knot'), (1, 'Sanderling'), (2, 'Tabs'), (2, 'Spaces'), (2, 'Whatever rustfmt says');";

#[derive(Clone)]
pub(crate) struct Db(Arc<Mutex<Connection>>);

#[derive(Serialize)]
pub(crate) struct Question {
    pub(crate) id: i64,
    pub(crate) text: String,
    pub(crate) published: String,
}

#[derive(Serialize)]
pub(crate) struct Choice {
    pub(crate) id: i64,
    pub(crate) text: String,
    pub(crate) votes: i64,
}

impl Db {
    pub(crate) fn open(path: &str) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(TABLES)?;
        let is_new =
            connection
                .query_row("SELECT NOT EXISTS (SELECT * FROM question)", [], |row| row.get(0))?;
        if is_new {
            connection.execute_batch(SAMPLES)?;
        }
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let connection = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || {
            work(&connection.lock().unwrap_or_else(PoisonError::into_inner))
        });
        Ok(done.await.map_err(BoxError::from)?.map_err(BoxError::from)?)
    }

    pub(crate) async fn questions(&self) -> Result<Vec<Question>> {
        self.run(|db| {
            let mut query =
                db.prepare_cached("SELECT id, text, published FROM question ORDER BY id")?;
            query.query_map([], question)?.collect()
        })
        .await
    }

    pub(crate) async fn question(&self, id: i64) -> Result<Option<Question>> {
        let query = "SELECT id, text, published FROM question WHERE id = ?1";
        self.run(move |db| db.query_row(query, [id], question).optional()).await
    }

    pub(crate) async fn choices(&self, question: i64) -> Result<Vec<Choice>> {
        self.run(move |db| {
            let mut query = db.prepare_cached(
                "SELECT id, text, votes FROM choice WHERE question = ?1 ORDER BY id",
            )?;
            let choice = |row: &Row<'_>| {
                Ok(Choice { id: row.get(0)?, text: row.get(1)?, votes: row.get(2)? })
            };
            query.query_map([question], choice)?.collect()
        })
        .await
    }

    /// Whether there is such a choice.
    pub(crate) async fn vote(&self, question: i64, choice: i64) -> Result<bool> {
        let update = "UPDATE choice SET votes = votes + 1 WHERE question = ?1 AND id = ?2";
        self.run(move |db| Ok(db.execute(update, [question, choice])? == 1)).await
    }
}

fn question(row: &Row<'_>) -> rusqlite::Result<Question> {
    Ok(Question { id: row.get(0)?, text: row.get(1)?, published: row.get(2)? })
}
