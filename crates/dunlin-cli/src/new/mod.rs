//! `dunlin new NAME`: a project that builds and passes its tests.
//!
//! | file | what it does |
//! | --- | --- |
//! | `name` | what a package may be called |
//! | `template` | the files, which lie in `template/` beside `src/` |

mod name;
mod template;

use std::io;
use std::path::{Path, PathBuf};

use self::template::Project;
use crate::failure::{Code, Failure};

const EXAMPLES: &str = "\
Examples:
  dunlin new birds
      Writes the directory birds; then: cd birds && cargo test && cargo run
  dunlin new --path ~/src/dunlin work/birds
      The same below work, with Dunlin from a checkout

Exit codes: 2 the name, 7 the directory is there already, or cannot be written";

/// Begins a project: two routes, one of them JSON, a graceful end, and tests
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The directory to write; its last part is the name of the package
    name: PathBuf,

    /// Depend on the checkout of Dunlin in this directory, instead of the published crate
    #[arg(long, value_name = "DUNLIN_DIR")]
    path: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let dir = &args.name;
    let name = dir.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name::check(name).map_err(Failure::usage)?;
    let project = Project {
        name,
        dunlin: args.path.as_deref().map(checkout).transpose()?,
        is_below_package: is_below_package(dir),
    };
    if let Some(above) = dir.parent().filter(|above| !above.as_os_str().is_empty()) {
        std::fs::create_dir_all(above).map_err(|error| Failure::file("write", above, &error))?;
    }
    match std::fs::create_dir(dir) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let what = format!("{} is there already: choose another name", dir.display());
            return Err(Failure::new(Code::File, what));
        }
        Err(error) => return Err(Failure::file("write", dir, &error)),
    }
    for (file, text) in project.files() {
        let path = dir.join(file);
        let write = || {
            std::fs::create_dir_all(path.parent().unwrap_or(dir))?;
            std::fs::write(&path, &text)
        };
        write().map_err(|error| Failure::file("write", &path, &error))?;
    }
    println!("{} is written. Next:\n  cd {}\n  cargo test\n  cargo run", name, dir.display());
    Ok(())
}

/// The crate `dunlin` in a checkout, or in its own directory.
fn checkout(given: &Path) -> Result<PathBuf, Failure> {
    let candidates = [given.join("crates/dunlin"), given.to_owned()];
    let holds = |dir: &&PathBuf| {
        std::fs::read_to_string(dir.join("Cargo.toml"))
            .is_ok_and(|text| text.lines().any(|line| line == "name = \"dunlin\""))
    };
    match candidates.iter().find(holds) {
        Some(dir) => dir.canonicalize().map_err(|error| Failure::file("read", dir, &error)),
        None => Err(Failure::new(
            Code::File,
            format!(
                "{} is no checkout of Dunlin: it has no crates/dunlin/Cargo.toml",
                given.display()
            ),
        )),
    }
}

/// Whether a package or workspace lies above, which cargo would take the new one for a part of.
fn is_below_package(dir: &Path) -> bool {
    let above = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    above.ancestors().skip(1).any(|above| above.join("Cargo.toml").exists())
}
