use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use dunlin::BoxError;
use dunlin::web::{OrError, Result, Startup, StateKey, Teardown};
use rusqlite::Connection;

pub static FILE: StateKey<PathBuf> = StateKey::new("file");
pub static DB: StateKey<Db> = StateKey::new("db");

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS notes (
        id INTEGER PRIMARY KEY, text TEXT NOT NULL, author TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, name TEXT NOT NULL);
";

#[derive(Clone)]
pub struct Db(Arc<Mutex<Connection>>);

impl Db {
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let db = Arc::clone(&self.0);
        let work = move || work(&db.lock().expect("a query panicked"));
        let done = tokio::task::spawn_blocking(work).await.or_internal()?;
        done.or_internal()
    }
}

pub async fn open(cx: Startup) -> Result<impl Teardown, BoxError> {
    let file = cx.state(&FILE).ok_or("the app has no FILE")?;
    let connection = Connection::open(file)?;
    connection.execute_batch(TABLES)?;
    let db = Db(Arc::new(Mutex::new(connection)));
    cx.set(&DB, db.clone());
    Ok(async move || db.run(|db| db.execute_batch("PRAGMA optimize")).await)
}
