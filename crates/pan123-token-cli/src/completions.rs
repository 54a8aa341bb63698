//! `completions` and `man`: what the shell and man(1) want to know of the command.

use std::io;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::failure::Failure;
use crate::output;

/// A script that completes the command's words.
pub(crate) fn run(mut command: Command, shell: Shell) -> Result<(), Failure> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if shell == Shell::Bash {
        // Up to 4.6.11 at the least, clap_complete names the states after a subcommand in two ways where there is a hyphen in the
        // command's name, and then completes nothing (https://github.com/clap-rs/clap/issues/6421).
        script = script.replace("pan123__subcmd__token", "pan123__token");
    }
    output::stdout(&script)
}

/// The manual page, in roff: the whole command's, and then a section for each subcommand.
pub(crate) fn man(command: Command) -> Result<(), Failure> {
    let page = page(command).map_err(|_| Failure::internal())?;
    output::stdout(&String::from_utf8_lossy(&page))
}

fn page(mut command: Command) -> io::Result<Vec<u8>> {
    // Gives the subcommands their whole names.
    command.build();
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_options_section(&mut page)?;
    man.render_extra_section(&mut page)?;
    for subcommand in command.get_subcommands() {
        if subcommand.get_name() == "help" {
            continue;
        }
        let man = Man::new(subcommand.clone());
        let mut sections = Vec::new();
        man.render_synopsis_section(&mut sections)?;
        man.render_description_section(&mut sections)?;
        man.render_options_section(&mut sections)?;
        man.render_extra_section(&mut sections)?;
        // Its sections are parts of one of the page.
        let sections = String::from_utf8_lossy(&sections).replace("\n.SH ", "\n.SS ");
        let name = subcommand.get_name().to_uppercase();
        page.extend_from_slice(format!(".SH {name}\n{sections}").as_bytes());
    }
    Ok(page)
}
