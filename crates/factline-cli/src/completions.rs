//! `factline completions`.

use anyhow::Result;
use clap::Args;
use clap_complete::Shell;

use crate::command_line::cli;

/// Prints a script for a shell to complete this tool's commands
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  factline completions bash > ~/.local/share/bash-completion/completions/factline\n  \
                        factline completions zsh > ~/.zfunc/_factline"
)]
pub(crate) struct Options {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut cli(), "factline", &mut script);
    std::io::Write::write_all(&mut std::io::stdout(), &script)?;
    Ok(())
}
