//! `docs/conformance.md`: what a server makes of each case, Dunlin's beside others'.
//!
//! The test holds Dunlin to the page. With `WRITE_CONFORMANCE=1` it writes it instead, from a run against all
//! servers that this machine has:
//!
//! ```console
//! $ WRITE_CONFORMANCE=1 cargo test -p dunlin-book --test conformance
//! ```

mod cases;
mod outcome;
mod peers;

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use self::cases::{Case, GROUPS};
use self::outcome::Outcome;
use self::peers::Peer;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance.md");

/// With nothing heard for so long, a server has nothing more to say.
const SILENCE: Duration = Duration::from_millis(700);

/// Longest that what has to come may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The bytes of a case: a `{a*9}` in it stands for nine `a`.
fn bytes(sent: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::new();
    // Code points are bytes here.
    let latin1 = |text: &str| -> Vec<u8> { text.chars().map(|c| u32::from(c) as u8).collect() };
    let mut rest = sent;
    while let Some((before, after)) = rest.split_once('{') {
        let (repeated, after) = after.split_once('}').expect("a brace is closed");
        let (what, count) = repeated.rsplit_once('*').expect("what is in braces has a count");
        bytes.extend(latin1(before));
        bytes.extend(latin1(what).repeat(count.parse().expect("a count")));
        rest = after;
    }
    bytes.extend(latin1(rest));
    bytes
}

/// Sends a case. The patient wait for what has to come.
async fn run(address: SocketAddr, case: &Case, is_patient: bool) -> Outcome {
    let (mut read, mut write) = TcpStream::connect(address).await.unwrap().into_split();
    let sent = bytes(case.sent);
    // A server that refuses need not read on.
    let sending = tokio::spawn(async move {
        let _ = write.write_all(&sent).await;
        write
    });
    let (mut answer, mut buf) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        let seen = Outcome::new(&answer, false);
        let wait = if is_patient && !seen.is(case.wants) { PATIENCE } else { SILENCE };
        match timeout(wait, read.read(&mut buf)).await {
            Err(_) => break seen,
            Ok(Ok(0) | Err(_)) => break Outcome::new(&answer, true),
            Ok(Ok(count)) => answer.extend_from_slice(&buf[..count]),
        }
        if sending.is_finished() && answer.len() > 1 << 20 {
            panic!("{}: there is no end of answers", case.what);
        }
    }
}

/// What each case comes to, group by group.
async fn column(peer: &Peer, is_patient: bool) -> Vec<Outcome> {
    let cases = GROUPS.iter().flat_map(|(_, cases)| *cases);
    join_all(cases.map(|case| run(peer.address, case, is_patient))).await
}

fn page(peers: &[(String, Vec<Outcome>)]) -> String {
    let mut page = String::from(
        "# Conformance\n\n\
         What a server makes of what clients may send and of what they may not: each case is sent over a socket\n\
         to a server that reads the body and answers 200, all with their defaults. A number is an answer's status,\n\
         *closed* says that the server ended the connection, *waits* that it waits for more. **Bold** is what takes\n\
         for a request what the grammar does not have, or does not do what the rule asks. Where a rule leaves a\n\
         choice, each choice will do; what some let pass on purpose may be harmless behind a stricter server.\n\n\
         ```console\n\
         $ WRITE_CONFORMANCE=1 cargo test -p dunlin-book --test conformance    # writes this page\n\
         $ cargo test -p dunlin-book --test conformance                        # holds Dunlin to it\n\
         ```\n\n\
         The cases, byte by byte: `docs/tests/conformance/cases.rs`. What the parser\n\
         alone does, beside three others: the codec's table of rules, `crates/dunlin-codec/src/strictness.md`.\n\
         Rules are sections of RFCs.\n\n",
    );
    let all = || GROUPS.iter().flat_map(|(_, cases)| *cases);
    page.push_str("| of all cases | as the rule says |\n| --- | ---: |\n");
    for (name, outcomes) in peers {
        let good = all().zip(outcomes).filter(|(case, outcome)| outcome.is(case.wants)).count();
        let _ = writeln!(page, "| {name} | {good} of {} |", outcomes.len());
    }
    let mut at = 0;
    for (title, cases) in GROUPS {
        let _ = write!(page, "\n## {title}\n\n| rule | what is sent |");
        for (name, _) in peers {
            let _ = write!(page, " {name} |");
        }
        page.push_str("\n| --- | --- |");
        page.push_str(&" --- |".repeat(peers.len()));
        for case in cases {
            let _ = write!(page, "\n| {} | {} |", case.rule, case.what);
            for (_, outcomes) in peers {
                let outcome = &outcomes[at];
                let mark = if outcome.is(case.wants) { "" } else { "**" };
                let _ = write!(page, " {mark}{outcome}{mark} |");
            }
            at += 1;
        }
        page.push('\n');
    }
    page
}

/// Dunlin's column of the page as it stands, below its name.
fn written() -> Vec<String> {
    let page = fs::read_to_string(PAGE).expect("docs/conformance.md is there");
    let rows = page.lines().filter(|line| line.starts_with('|') && line.matches('|').count() > 4);
    let cell = |line: &str| line.split('|').nth(3).unwrap_or("").trim().to_owned();
    rows.map(cell).filter(|cell| cell != "---" && cell != "Dunlin").collect()
}

#[tokio::test]
async fn the_page_says_what_a_server_does() {
    if std::env::var_os("WRITE_CONFORMANCE").is_some() {
        let mut columns = Vec::new();
        for peer in peers::all().await {
            columns.push((peer.name.clone(), column(&peer, false).await));
        }
        return fs::write(PAGE, page(&columns)).unwrap();
    }
    let dunlin = peers::dunlin().await;
    let outcomes = column(&dunlin, true).await;
    let cases = GROUPS.iter().flat_map(|(_, cases)| *cases);
    let mut wrong = String::new();
    let written = written();
    assert_eq!(written.len(), outcomes.len(), "docs/conformance.md has other cases: write it anew");
    for ((case, outcome), written) in cases.zip(&outcomes).zip(&written) {
        if !outcome.is(case.wants) || outcome.to_string() != *written {
            let (what, rule) = (case.what, case.rule);
            let _ = writeln!(wrong, "{what} (RFC {rule}): {outcome}; the page says {written}");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
