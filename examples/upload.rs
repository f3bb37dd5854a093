//! A form with files: fields as a value, files on disk once they are large.
//!
//! Run `cargo run --example upload`, then `curl -F title=Sea -F picture=@sea.png localhost:8080/`.

use dunlin::web::{App, Form, Result, UploadedFile, post};

#[derive(serde::Deserialize)]
struct Photo {
    title: String,
    picture: UploadedFile,
}

#[tokio::main]
async fn main() -> dunlin::Result<()> {
    // The whole form; what of its files does not fit in 1 MiB of memory goes to temporary files.
    let app = App::new().routes([post("/", save).client_max_size(100 << 20)]);
    dunlin::run_app(app).await
}

async fn save(Form(photo): Form<Photo>) -> Result<String> {
    let told = format!("{}: {} bytes\n", photo.title, photo.picture.len());
    // Under a name of our own: that of the upload is the sender's choice.
    photo.picture.persist(std::env::temp_dir().join("dunlin-upload")).await?;
    Ok(told)
}
