//! What handlers share: the keys under which the app keeps it, and what sets it up and takes it down.

use std::sync::Arc;

use dunlin::BoxError;
use dunlin::web::{Startup, StateKey, Teardown};

use crate::auth::Secrets;
use crate::db::Db;
use crate::live::Rooms;
use crate::log::Log;
use crate::numbers::Numbers;
use crate::options::Options;
use crate::pages::Templates;

pub(crate) static OPTIONS: StateKey<Options> = StateKey::new("options");
pub(crate) static SECRETS: StateKey<Secrets> = StateKey::new("secrets");
pub(crate) static TEMPLATES: StateKey<Arc<Templates>> = StateKey::new("templates");
pub(crate) static LOG: StateKey<Log> = StateKey::new("log");
pub(crate) static NUMBERS: StateKey<Numbers> = StateKey::new("numbers");
pub(crate) static ROOMS: StateKey<Rooms> = StateKey::new("rooms");
pub(crate) static DB: StateKey<Db> = StateKey::new("db");

/// Opens the database before the first request, and closes it after the last.
pub(crate) async fn database(cx: Startup) -> Result<impl Teardown, BoxError> {
    let options = cx.state(&OPTIONS).ok_or("the options are not set")?;
    let db = Db::open(options.data.join("board.sqlite")).await?;
    cx.set(&DB, db.clone());
    Ok(async move || db.close().await)
}

/// Tells the numbers once a second, until the server ends.
pub(crate) async fn sampler(cx: Startup) -> Result<(), BoxError> {
    let (Some(numbers), Some(rooms)) = (cx.state(&NUMBERS), cx.state(&ROOMS)) else {
        return Err("there are no numbers, or no room to tell them in".into());
    };
    cx.tasks().spawn_until_shutdown(numbers.clone().tell_every_second(rooms.clone()));
    Ok(())
}
