//! How a command ends when it does not succeed, and the one line that it says.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use crate::data::DataError;
use clap::CommandFactory;

use crate::command::{Cli, World};

/// A failure, with the text that follows `error: `.
pub(crate) enum Failure {
    /// The operating system failed: exit code 1.
    Io(String),
    /// What was asked for was done, and the answer is no: exit code 1.
    Verdict(String),
    /// The input or the usage was refused: exit code 2.
    Refused(String),
}

impl Failure {
    /// A refusal about a file.
    pub(crate) fn about(path: &Path, what: impl std::fmt::Display) -> Self {
        Failure::Refused(format!("{}: {what}", path.display()))
    }

    /// What clap says in several lines, in one.
    pub(crate) fn usage(error: &clap::Error, world: &World) -> Self {
        use clap::error::ErrorKind as Kind;
        if error.kind() == Kind::DisplayHelpOnMissingArgumentOrSubcommand {
            return Failure::Refused("no command was given: see `tautochrone --help`".into());
        }
        let text = error.render().to_string();
        let body = text.split("\nUsage:").next().unwrap_or_default();
        let body = body.split("\nFor more information").next().unwrap_or_default();
        let paragraphs: Vec<String> = body
            .split("\n\n")
            .map(|lines| lines.split_whitespace().collect::<Vec<_>>().join(" "))
            .filter(|line| !line.is_empty())
            .collect();
        let line = paragraphs.join("; ");
        let line = line.strip_prefix("error: ").unwrap_or(&line);
        Failure::Refused(format!("{line}: see `tautochrone{} --help`", subcommand(world)))
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Failure::Io(_) | Failure::Verdict(_) => 1,
            Failure::Refused(_) => 2,
        }
    }

    /// The text on one line, whatever a file name or a cell put into it.
    pub(crate) fn line(&self) -> String {
        let (Failure::Io(text) | Failure::Verdict(text) | Failure::Refused(text)) = self;
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        if error.is_io() {
            Failure::Io(error.to_string())
        } else {
            Failure::Refused(error.to_string())
        }
    }
}

/// The subcommand on the command line, with a space before it, if there is one.
fn subcommand(world: &World) -> String {
    let given = world.arguments.first().and_then(|word| word.to_str()).unwrap_or_default();
    match Cli::command().find_subcommand(given) {
        Some(found) => format!(" {}", found.get_name()),
        None => String::new(),
    }
}

/// Prints to stdout. A reader that has seen enough (`| head`) is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::Io(format!(
            "can't write to standard output ({error}): check where it leads"
        ))),
        _ => Ok(()),
    }
}

/// Prints a line to stdout, as `println!` does, but a full disk is an error and no panic.
macro_rules! say {
    ($($text:tt)*) => { $crate::command::failure::print(&format!("{}\n", format_args!($($text)*)))? };
}
pub(crate) use say;

/// Says something beside the result, on stderr.
pub(crate) fn note(text: &str) {
    // a closed stderr loses a remark and nothing else
    let _ = writeln!(io::stderr(), "{text}");
}
