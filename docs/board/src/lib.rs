use std::path::Path;

use dunlin::BoxError;
use dunlin::web::{AccessLog, App, SameOrigin, SecurityHeaders, get, post};
use dunlin::websocket::Room;

pub mod auth;
pub mod db;
pub mod live;
pub mod notes;
pub mod pages;

pub fn app(file: &Path) -> Result<App, BoxError> {
    Ok(App::new()
        .middleware(AccessLog::to(std::io::stdout()))
        .middleware(SecurityHeaders::new())
        .middleware(SameOrigin::new())
        .state(&db::FILE, file.to_owned())
        .cleanup_ctx(db::open)
        .provides(&db::DB)
        .state(&live::ROOM, Room::default())
        .state(&pages::TEMPLATES, pages::templates()?)
        .add_static(pages::assets())
        .routes([
            get("/", pages::board),
            get("/sign-in", pages::sign_in),
            post("/sign-in", auth::sign_in),
            get("/live", live::live),
        ])
        .group(notes::routes()))
}
