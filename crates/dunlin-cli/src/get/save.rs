//! The answer into a file, from where an earlier try broke off.
//!
//! ```text
//! .part of this URL  ──▶ Range: bytes=LEN-, If-Range: its version
//!                          206 ──▶ written behind what is there
//!                          200 ──▶ changed meanwhile: from the beginning
//!                          416 ──▶ nothing is missing
//! FILE, and no .part ──▶ Range: bytes=LEN-, If-Range: its time ──▶ 416: whole already; 200: changed
//! neither            ──▶ from the beginning
//! ```

use std::path::Path;
use std::time::SystemTime;

use dunlin::client::Response;
use dunlin::http::StatusCode;
use dunlin::http::header::{ACCEPT_ENCODING, IF_RANGE, RANGE};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::io::AsyncWriteExt;

use super::args::{Args, Ask};
use super::check_status;
use super::part::{Origin, Part, modified};
use crate::failure::{Code, Failure};
use crate::text::size;

/// What there is to go on with.
#[derive(Debug)]
enum Earlier {
    Nothing,
    /// The beginning of a version.
    Part(u64, Origin),
    /// A file under its own name, as long as this and changed then.
    Whole(u64, SystemTime),
}

pub(super) async fn run(ask: &Ask, file: &Path, args: &Args) -> Result<(), Failure> {
    match std::fs::metadata(file) {
        Ok(found) if found.is_dir() => {
            let what = format!("{} is a directory: name a file in it", file.display());
            return Err(Failure::new(Code::File, what));
        }
        // A device or a pipe takes bytes as they come, and has no name to give away.
        Ok(found) if !found.is_file() => return pass_on(ask, file, args).await,
        _ => {}
    }
    let part = Part::open(file)?;
    match download(ask, file, &part, args).await {
        Ok(Ended::Saved { bytes, modified }) => {
            part.finish(file, modified)?;
            tell(args, &format!("{}: {}", file.display(), size(bytes)));
            Ok(())
        }
        Ok(Ended::WholeAlready) => {
            part.discard();
            tell(
                args,
                &format!("{}: nothing to do, it is whole and has not changed", file.display()),
            );
            Ok(())
        }
        Err(failure) => {
            let path = part.path().to_owned();
            Err(match part.keep() {
                Some(kept) => failure.hint(&format!(
                    "{} are kept in {}: the same command with -C goes on from there",
                    size(kept),
                    path.display()
                )),
                None => failure,
            })
        }
    }
}

enum Ended {
    Saved { bytes: u64, modified: Option<SystemTime> },
    WholeAlready,
}

async fn download(ask: &Ask, file: &Path, part: &Part, args: &Args) -> Result<Ended, Failure> {
    // The description of a part is no place for a password.
    let url = ask.url.without_credentials();
    let url = url.as_str();
    let earlier = if args.resume { earlier(file, part, url) } else { Earlier::Nothing };
    let (from, validator) = match &earlier {
        Earlier::Nothing => (0, String::new()),
        Earlier::Part(len, origin) => (*len, origin.validator.clone()),
        Earlier::Whole(len, time) => (*len, httpdate::fmt_http_date(*time)),
    };
    // Ranges count the bytes of the file as it is, so it is asked for without content coding.
    let request = ask.request().header(ACCEPT_ENCODING, "identity");
    if from == 0 {
        return fresh(request.send().await?, url, part, args).await;
    }
    let ranged = request.header(RANGE, format!("bytes={from}-")).header(IF_RANGE, validator);
    let response = ranged.send().await?;
    let total = content_range(&response);
    match (&earlier, response.status(), total) {
        (Earlier::Part(_, origin), StatusCode::PARTIAL_CONTENT, Some((Some(first), total)))
            if first == from && fits(origin, &response, total) =>
        {
            tell(args, &format!("going on behind {}", size(from)));
            let saved = write(response, part, from, args).await?;
            match (&saved, total) {
                (Ended::Saved { bytes, .. }, Some(total)) if *bytes < total => {
                    let what =
                        format!("the server sent no more than {} of {}", size(*bytes), size(total));
                    Err(Failure::new(Code::Broken, what))
                }
                _ => Ok(saved),
            }
        }
        (Earlier::Part(_, origin), StatusCode::RANGE_NOT_SATISFIABLE, Some((None, total)))
            if total == Some(from) && fits(origin, &response, total) =>
        {
            Ok(Ended::Saved { bytes: from, modified: modified(&response) })
        }
        (Earlier::Whole(..), StatusCode::RANGE_NOT_SATISFIABLE, Some((None, Some(total))))
            if total == from =>
        {
            Ok(Ended::WholeAlready)
        }
        // The rest of something else: what is wanted is the beginning.
        (_, StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE, _) => {
            drop(response);
            tell(args, "what is there does not fit the server's file: from the beginning");
            let request = ask.request().header(ACCEPT_ENCODING, "identity");
            fresh(request.send().await?, url, part, args).await
        }
        (_, StatusCode::OK, _) => {
            tell(args, "the server's file is another one by now: from the beginning");
            fresh(response, url, part, args).await
        }
        _ => fresh(response, url, part, args).await,
    }
}

fn earlier(file: &Path, part: &Part, url: &str) -> Earlier {
    match part.earlier() {
        Some((len, origin)) if origin.url == url => return Earlier::Part(len, origin),
        Some(_) => return Earlier::Nothing,
        None => {}
    }
    match std::fs::metadata(file).and_then(|found| Ok((found.len(), found.modified()?))) {
        Ok((len, time)) if len > 0 => Earlier::Whole(len, time),
        _ => Earlier::Nothing,
    }
}

/// First byte and length of the whole that `Content-Range` names: `bytes 5-9/10`, `bytes */10`.
fn content_range(response: &Response) -> Option<(Option<u64>, Option<u64>)> {
    let (range, total) =
        response.header("content-range")?.strip_prefix("bytes ")?.split_once('/')?;
    let first = match range {
        "*" => None,
        range => Some(range.split_once('-')?.0.parse().ok()?),
    };
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    Some((first, total))
}

/// Whether an answer is of the version that the part is of, as far as it tells.
fn fits(origin: &Origin, response: &Response, total: Option<u64>) -> bool {
    let is_same_tag = match (origin.validator.starts_with('"'), response.header("etag")) {
        (true, Some(tag)) => tag == origin.validator,
        _ => true,
    };
    let is_same_size = match (origin.size, total) {
        (Some(before), Some(now)) => before == now,
        _ => true,
    };
    is_same_tag && is_same_size && !response.headers().contains("content-encoding")
}

/// The whole file, whatever there was.
async fn fresh(response: Response, url: &str, part: &Part, args: &Args) -> Result<Ended, Failure> {
    if let Err(failure) = check_status(&response) {
        return Err(failure.hint("nothing was saved"));
    }
    if response.status() == StatusCode::PARTIAL_CONTENT {
        let what = "the server sent a part where the whole was asked for; nothing was saved";
        return Err(Failure::new(Code::Broken, what));
    }
    let origin = Origin::of(url, &response, response.content_length());
    part.begin(origin.as_ref()).map_err(|error| Failure::file("write", part.path(), &error))?;
    write(response, part, 0, args).await
}

async fn write(
    mut response: Response,
    part: &Part,
    from: u64,
    args: &Args,
) -> Result<Ended, Failure> {
    let failed = |error: std::io::Error| Failure::file("write", part.path(), &error);
    let mut file = part.writer().map_err(failed)?;
    let bar = bar(args, response.content_length().map(|rest| from + rest));
    bar.set_position(from);
    bar.reset_eta();
    let mut bytes = from;
    let copied = async {
        while let Some(chunk) = response.chunk().await? {
            file.write_all(&chunk).await.map_err(failed)?;
            bytes += chunk.len() as u64;
            bar.set_position(bytes);
        }
        Ok(())
    };
    let copied = copied.await;
    // What has come is kept, however it ended.
    file.flush().await.map_err(failed)?;
    bar.finish_and_clear();
    copied.map(|()| Ended::Saved { bytes, modified: modified(&response) })
}

/// A bar on standard error, where that is a terminal.
fn bar(args: &Args, total: Option<u64>) -> ProgressBar {
    if args.quiet {
        return ProgressBar::hidden();
    }
    let (bar, template) = match total {
        Some(total) => (
            ProgressBar::new(total),
            "{percent:>3}% {bar:40} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}",
        ),
        None => (ProgressBar::new_spinner(), "{spinner} {binary_bytes} {binary_bytes_per_sec}"),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Into a device or a pipe.
async fn pass_on(ask: &Ask, path: &Path, args: &Args) -> Result<(), Failure> {
    if args.resume {
        let what = format!("{} is no file: there is nothing in it to go on from", path.display());
        return Err(Failure::usage(what));
    }
    let failed = |error: std::io::Error| Failure::file("write", path, &error);
    let mut response = ask.request().send().await?;
    check_status(&response)?;
    let opened = tokio::fs::OpenOptions::new().write(true).open(path).await;
    let mut file = opened.map_err(failed)?;
    while let Some(chunk) = response.chunk().await? {
        file.write_all(&chunk).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)
}

fn tell(args: &Args, text: &str) {
    if !args.quiet {
        eprintln!("{text}");
    }
}
