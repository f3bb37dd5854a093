//! Runs the program itself.

#![allow(dead_code, reason = "each test uses a part")]

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;

/// What a run has left.
#[derive(Debug)]
pub(crate) struct Out {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Out {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The program, with nothing on its standard input, and ended with the test.
pub(crate) fn dunlin(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dunlin"));
    command.args(args).env_remove("NO_COLOR").env("TERM", "xterm").kill_on_drop(true);
    for name in ["http_proxy", "https_proxy", "ws_proxy", "wss_proxy", "all_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command.env("NETRC", "/no/such/netrc");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(crate) async fn output(args: &[&str]) -> Out {
    let ended = tokio::time::timeout(Duration::from_secs(60), dunlin(args).output()).await;
    ended.unwrap_or_else(|_| panic!("dunlin {args:?} does not end")).unwrap().into()
}

/// Runs it to a good end.
pub(crate) async fn ok(args: &[&str]) -> Out {
    fails(0, args).await
}

/// Runs it to an end with that exit code.
pub(crate) async fn fails(code: i32, args: &[&str]) -> Out {
    let out = output(args).await;
    assert_eq!(out.code, code, "dunlin {args:?}: {out:?}");
    out
}

/// A port of 127.0.0.1 that nobody listens on.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The names in a directory, sorted.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// What Ctrl-C does.
#[cfg(unix)]
pub(crate) fn interrupt(child: &tokio::process::Child) {
    let pid = rustix::process::Pid::from_raw(child.id().unwrap() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
}

/// Runs it with standard output and error on a terminal, and gives what that has seen.
#[cfg(unix)]
pub(crate) async fn on_terminal(args: &[&str]) -> String {
    typed_on_terminal(args, None).await
}

/// The same with standard input from there too, where something is to be typed.
#[cfg(unix)]
pub(crate) async fn typed_on_terminal(args: &[&str], typed: Option<&str>) -> String {
    use std::fs::File;
    use std::io::Read;

    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let size = rustix::termios::Winsize { ws_row: 24, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(&master, size).unwrap();
    let slave = || File::options().read(true).write(true).open(&name).unwrap();
    let mut command = dunlin(args);
    if let Some(typed) = typed {
        command.stdin(slave());
        rustix::io::write(&master, typed.as_bytes()).unwrap();
    }
    let mut child = command.stdout(slave()).stderr(slave()).spawn().unwrap();
    drop(command);
    let seen = tokio::task::spawn_blocking(move || {
        let (mut seen, mut master, mut buffer) = (Vec::new(), File::from(master), [0; 4096]);
        // Linux tells the end by EIO.
        while let Ok(n @ 1..) = master.read(&mut buffer) {
            seen.extend_from_slice(&buffer[..n]);
        }
        String::from_utf8_lossy(&seen).into_owned()
    });
    child.wait().await.unwrap();
    seen.await.unwrap()
}
