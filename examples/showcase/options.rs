//! The command line.

use std::path::PathBuf;
use std::process::exit;

const HELP: &str = "\
showcase [--port P] [--host H] [--data DIR] [--passphrase WORDS]

A team board. Prints the address that it listens on, and serves until Ctrl+C or SIGTERM.
  --port P            default 8080; 0 takes a free one
  --host H            default 127.0.0.1: this machine alone. Others reach it at 0.0.0.0; put TLS in front then
  --data DIR          notes, files and keys; default ./showcase-data, made where it is not there
  --passphrase WORDS  what people need to know to sign in; default: a name is enough
  --help              this
";

pub(crate) struct Options {
    pub(crate) port: u16,
    pub(crate) host: String,
    pub(crate) data: PathBuf,
    pub(crate) passphrase: Option<String>,
}

impl Options {
    /// What was typed; ends the program where it cannot be understood.
    pub(crate) fn from_args() -> Self {
        let mut options = Self {
            port: 8080,
            host: "127.0.0.1".into(),
            data: "showcase-data".into(),
            passphrase: None,
        };
        let mut args = std::env::args().skip(1);
        while let Some(name) = args.next() {
            if name == "--help" {
                print!("{HELP}");
                exit(0);
            }
            let value = match args.next() {
                Some(value) if !value.is_empty() => value,
                _ => fail(&format!("{name} needs a value")),
            };
            match &*name {
                "--port" => {
                    options.port = value
                        .parse()
                        .unwrap_or_else(|_| fail(&format!("{value:?} is no port from 0 to 65535")));
                }
                "--host" => options.host = value,
                "--data" => options.data = value.into(),
                "--passphrase" => options.passphrase = Some(value),
                _ => fail(&format!("there is no option {name}")),
            }
        }
        options
    }
}

fn fail(why: &str) -> ! {
    eprintln!("showcase: {why}\n\n{HELP}");
    exit(2)
}
