//! The conversation, from the handshake to the close.

use std::io::{self, IsTerminal, Write};
use std::pin::pin;
use std::time::Duration;

use dunlin::client::Url;
use dunlin::websocket::{CloseCode, CloseFrame, Error, Receiver, Sender, WebSocket};
use tokio::time::{Instant, sleep_until};

use super::{Args, input, show};
use crate::failure::{Code, Failure};
use crate::text::printable;

/// Longest wait for the end of a connection to which nothing can be sent any more.
const CLOSING: Duration = Duration::from_secs(3);

/// What the talk ends by.
enum End {
    /// The server has closed, or the connection is gone.
    Theirs,
    /// All that was wanted is here, or has been waited for.
    Ours,
    /// Nothing more can be read.
    Input(io::Error),
}

pub(super) async fn run(socket: WebSocket, url: &Url, args: &Args) -> Result<(), Failure> {
    let say = |text: &str| {
        if !args.quiet {
            eprintln!("{text}");
        }
    };
    // The client knows the URL as that of the request which opens it.
    let url = url.redacted().to_string().replacen("http", "ws", 1);
    let protocol = socket.protocol().map(|name| format!(", subprotocol {name}"));
    say(&format!("connected to {url}{}", protocol.unwrap_or_default()));
    let is_person = io::stdin().is_terminal();
    if is_person {
        say("a line is a message; Ctrl-D ends");
    }
    // Halves, because a server that echoes takes no more of what is sent until somebody receives.
    let (mut sender, mut receiver) = socket.split();
    let mut left = args.count;
    let end = talk(&mut sender, &mut receiver, &mut left, is_person, args).await?;
    if let End::Theirs = end {
        return ended(receiver.close_frame(), say);
    }
    let rest = async {
        while let Some(message) = receiver.receive().await {
            message?;
        }
        Ok(())
    };
    let (said, closed) = tokio::join!(sender.close(CloseCode::NORMAL, ""), rest);
    if let End::Input(error) = end {
        return Err(Failure::other(format!("cannot read standard input: {error}")));
    }
    said.and(closed).map_err(|error| broken(&error))?;
    say("closed: 1000");
    match left {
        Some(left @ 1..) => Err(Failure::new(
            Code::Timeout,
            format!("{left} of the messages that -n asks for have not come; --wait waits longer"),
        )),
        _ => Ok(()),
    }
}

async fn talk(
    sender: &mut Sender,
    receiver: &mut Receiver,
    left: &mut Option<u64>,
    is_person: bool,
    args: &Args,
) -> Result<End, Failure> {
    let for_terminal = io::stdout().is_terminal();
    let mut interrupted = pin!(tokio::signal::ctrl_c());
    let mut typing = pin!(send_lines(sender));
    // Once the input has ended: until when answers are waited for.
    let mut until: Option<Instant> = None;
    loop {
        tokio::select! {
            message = receiver.receive() => match message {
                None => return Ok(End::Theirs),
                Some(Err(error)) => return Err(broken(&error)),
                Some(Ok(message)) => {
                    print(&show::line(&message, for_terminal))?;
                    *left = left.map(|left| left - 1);
                    if *left == Some(0) {
                        return Ok(End::Ours);
                    }
                }
            },
            typed = &mut typing, if until.is_none() => match typed {
                Ok(()) if is_person && left.is_none() => return Ok(End::Ours),
                Ok(()) => until = Some(Instant::now() + args.wait),
                Err(Typing::Input(error)) => return Ok(End::Input(error)),
                // The receiver tells how it ended, and what came before that.
                Err(Typing::Gone) => until = Some(Instant::now() + CLOSING),
            },
            () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {
                return Ok(End::Ours);
            }
            _ = &mut interrupted => return Ok(End::Ours),
        }
    }
}

/// Why there is nothing more to send before the end of the input.
enum Typing {
    Input(io::Error),
    Gone,
}

/// Sends each line of standard input.
async fn send_lines(sender: &mut Sender) -> Result<(), Typing> {
    let mut lines = input::lines();
    while let Some(line) = lines.recv().await {
        let line = line.map_err(Typing::Input)?;
        sender.send(line).await.map_err(|_| Typing::Gone)?;
    }
    Ok(())
}

/// The server has closed.
fn ended(frame: Option<CloseFrame>, say: impl Fn(&str)) -> Result<(), Failure> {
    let Some(frame) = frame else {
        say("closed by the server, without a code");
        return Ok(());
    };
    let reason = match &*frame.reason {
        "" => String::new(),
        reason => format!(" ({})", printable(reason.as_bytes())),
    };
    let told = format!("closed by the server: {}{reason}", frame.code);
    match frame.code {
        CloseCode::NORMAL | CloseCode::GOING_AWAY => {
            say(&told);
            Ok(())
        }
        _ => Err(Failure::new(Code::Closed, told)),
    }
}

fn broken(error: &Error) -> Failure {
    let code = match error {
        Error::PongTimeout | Error::WriteTimeout | Error::CloseTimeout => Code::Timeout,
        _ => Code::Broken,
    };
    Failure::new(code, error.to_string())
}

fn print(line: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(line).and_then(|()| out.flush()).map_err(|error| Failure::stdout(&error))
}
