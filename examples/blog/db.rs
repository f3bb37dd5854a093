//! Users, sessions and posts. SQLite's calls block, so they are made on threads that may.

use std::sync::{Arc, Mutex, PoisonError};

use dunlin::BoxError;
use dunlin::web::Result;
use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;

const TABLES: &str = "
    PRAGMA foreign_keys = ON;
    CREATE TABLE IF NOT EXISTS user (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, password TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS session (
        id BLOB PRIMARY KEY,
        user INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
        until INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS post (
        id INTEGER PRIMARY KEY,
        user INTEGER NOT NULL REFERENCES user,
        body TEXT NOT NULL,
        written TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M', 'now'))
    );";

/// Posts on the page, the newest first.
const SHOWN: i64 = 100;

#[derive(Clone)]
pub(crate) struct Db(Arc<Mutex<Connection>>);

#[derive(Serialize)]
pub(crate) struct Post {
    author: String,
    body: String,
    written: String,
}

impl Db {
    pub(crate) fn open(path: &str) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(TABLES)?;
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

    pub(crate) async fn has_users(&self) -> Result<bool> {
        let query = "SELECT EXISTS (SELECT * FROM user)";
        self.run(|db| db.query_row(query, [], |row| row.get(0))).await
    }

    pub(crate) async fn add_user(&self, name: String, password: String) -> Result<()> {
        let insert = "INSERT INTO user (name, password) VALUES (?1, ?2)";
        self.run(move |db| db.execute(insert, [name, password]).map(drop)).await
    }

    /// Number and hash of the password.
    pub(crate) async fn password_of(&self, name: String) -> Result<Option<(i64, String)>> {
        let query = "SELECT id, password FROM user WHERE name = ?1";
        self.run(move |db| {
            db.query_row(query, [name], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
        .await
    }

    /// Number and name of who has that session, while it lasts.
    pub(crate) async fn user_of(
        &self,
        session: Vec<u8>,
        now: i64,
    ) -> Result<Option<(i64, String)>> {
        let query = "SELECT user.id, name FROM session JOIN user ON user.id = user
            WHERE session.id = ?1 AND until > ?2";
        self.run(move |db| {
            db.query_row(query, (session, now), |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
        .await
    }

    /// Begins a session, and forgets those that are over.
    pub(crate) async fn add_session(
        &self,
        id: Vec<u8>,
        user: i64,
        now: i64,
        until: i64,
    ) -> Result<()> {
        self.run(move |db| {
            db.execute("DELETE FROM session WHERE until <= ?1", [now])?;
            db.execute(
                "INSERT INTO session (id, user, until) VALUES (?1, ?2, ?3)",
                (id, user, until),
            )
            .map(drop)
        })
        .await
    }

    pub(crate) async fn drop_session(&self, id: Vec<u8>) -> Result<()> {
        self.run(move |db| db.execute("DELETE FROM session WHERE id = ?1", [id]).map(drop)).await
    }

    pub(crate) async fn add_post(&self, user: i64, body: String) -> Result<()> {
        let insert = "INSERT INTO post (user, body) VALUES (?1, ?2)";
        self.run(move |db| db.execute(insert, (user, body)).map(drop)).await
    }

    pub(crate) async fn posts(&self) -> Result<Vec<Post>> {
        self.run(|db| {
            let mut query = db.prepare_cached(
                "SELECT name, body, written FROM post JOIN user ON user.id = user ORDER BY post.id DESC LIMIT ?1",
            )?;
            let posts = query.query_map([SHOWN], |row| {
                Ok(Post { author: row.get(0)?, body: row.get(1)?, written: row.get(2)? })
            })?;
            posts.collect()
        })
        .await
    }
}
