//! The command line: what it says, or what is wrong with it in one line.

use std::error::Error as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser as _};

use crate::arguments::{Arguments, Command};
use crate::failure::Failure;
use crate::output;

/// `None` where help was asked for, and printed.
pub(crate) fn parse() -> Result<Option<Command>, Failure> {
    match Arguments::try_parse() {
        Ok(arguments) => Ok(Some(arguments.command)),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            output::stdout(&error.render().to_string())?;
            Ok(None)
        }
        Err(error) if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Err(Failure::usage("no command given; see pan123-token --help"))
        }
        Err(error) => Err(Failure::usage(usage_line(&error))),
    }
}

/// What is wrong with the command line. A value that was given is not repeated: it may be a secret at the wrong place. A
/// word is, where it looks like one of the command's own.
fn usage_line(error: &clap::Error) -> String {
    let given = context(error, ContextKind::InvalidArg).unwrap_or_default();
    let line = match error.kind() {
        ErrorKind::UnknownArgument if given.starts_with('-') => unknown_option(error, given),
        ErrorKind::UnknownArgument | ErrorKind::TooManyValues => {
            let hint = if std::env::args_os().nth(1).is_some_and(|it| it == "reject") {
                "; the token is read from stdin"
            } else {
                ""
            };
            format!("unexpected argument{hint}")
        }
        ErrorKind::InvalidSubcommand => {
            let word = context(error, ContextKind::InvalidSubcommand).unwrap_or_default();
            match suggestion(error, ContextKind::SuggestedSubcommand) {
                Some(meant) if word.len() <= meant.len() + 3 => {
                    format!("no such command: '{word}' (did you mean '{meant}'?)")
                }
                _ => "no such command".to_owned(),
            }
        }
        ErrorKind::InvalidValue => match error.get(ContextKind::ValidValue) {
            Some(ContextValue::Strings(valid)) if !valid.is_empty() => {
                format!("'{given}' takes one of {}", valid.join(", "))
            }
            _ => format!("a value is missing for '{given}'"),
        },
        ErrorKind::ValueValidation => {
            let why = error.source().map(ToString::to_string);
            format!("a wrong value for '{given}': {}", why.unwrap_or_default())
        }
        _ => first_paragraph(&error.render().to_string()),
    };
    format!("{line}; see pan123-token {}--help", command_given())
}

/// The command whose help lists the options that were meant, and a space.
fn command_given() -> String {
    let given = std::env::args_os().nth(1).unwrap_or_default();
    let all = Arguments::command();
    let command = all.get_subcommands().find(|it| given == it.get_name());
    command.map_or_else(String::new, |it| format!("{} ", it.get_name()))
}

fn unknown_option(error: &clap::Error, given: &str) -> String {
    let name = given.split('=').next().unwrap_or_default();
    let meant = match name {
        "-v" => Some("-V"),
        "-H" | "-?" => Some("-h"),
        _ => suggestion(error, ContextKind::SuggestedArg),
    };
    match meant {
        Some(meant) => format!("unexpected argument '{name}' (did you mean '{meant}'?)"),
        None => format!("unexpected argument '{name}'"),
    }
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        _ => None,
    }
}

/// What clap takes for what was meant.
fn suggestion(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        // The best one comes last.
        Some(ContextValue::Strings(texts)) => texts.last().map(|text| &**text),
        _ => None,
    }
}

/// clap's, without its mark.
fn first_paragraph(text: &str) -> String {
    let lines = text.lines().take_while(|line| !line.trim().is_empty());
    let line = lines.map(str::trim).collect::<Vec<_>>().join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}
