//! The applications as their users meet them: over HTTP, and in a browser where there is one.

mod blog;
#[path = "../../../tests/common/mod.rs"]
mod common;
mod imagetagger;
mod pages;
mod polls;
mod shortify;

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use common::{Running, program};
use dunlin::client::cookies::CookieJar;
use dunlin::client::{Client, Redirects};

/// A program, until it is dropped.
struct Started {
    url: String,
    /// What it said before it told its address.
    said: Vec<String>,
    program: Running,
}

impl Started {
    fn new(name: &str, args: &[&str]) -> Self {
        let mut program =
            program(name).arg("127.0.0.1:0").args(args).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(program.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut said = Vec::new();
        let url = loop {
            let line = lines.next().expect("the program tells its address");
            if let Some((_, rest)) = line.split_once("Running on ") {
                break rest.split(' ').next().unwrap().to_owned();
            }
            said.push(line);
        };
        Self { url, said, program: Running(program) }
    }

    /// A browser's client that shows redirects instead of following them.
    fn client(&self) -> Client {
        Client::builder()
            .base_url(&self.url)
            .cookies(CookieJar::new())
            .redirects(Redirects::none())
            .build()
            .unwrap()
    }
}

/// Status and text of a page.
async fn page(client: &Client, path: &str) -> (u16, String) {
    let response = client.get(path).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}
