//! `c1z completions` and `c1z man`: texts made from the description of the command line.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Args;
use crate::failure::Failure;
use crate::output::stdout;

pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    // Into memory first: the generator takes a failed write for a bug.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "c1z", &mut script);
    let mut out = stdout();
    out.write_all(&script)?;
    Ok(out.flush()?)
}

pub(crate) fn man(name: Option<&str>) -> Result<(), Failure> {
    let mut program = Args::command();
    program.build();
    let command = match name {
        None => program,
        Some(name) => match program.find_subcommand(name) {
            Some(command) => command.clone(),
            None => {
                return Err(Failure::usage(
                    format!("no command `{name}`"),
                    "`c1z --help` lists the commands",
                ));
            }
        },
    };
    let mut out = stdout();
    clap_mangen::Man::new(command).render(&mut out)?;
    Ok(out.flush()?)
}
