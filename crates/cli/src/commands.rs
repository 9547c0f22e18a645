//! One file a command, or a few that belong together.

mod audit;
mod log;
mod mirror;
mod proof;
mod read;
mod schema;
mod serve;
mod submit;
mod verify;

use clap::CommandFactory;

use crate::args::{Cli, Command};
use crate::outcome::Outcome;

/// Runs the command that was asked for.
pub(crate) async fn run(cli: &Cli) -> anyhow::Result<Outcome> {
    let global = &cli.global;
    match &cli.command {
        Command::Migrate(args) => schema::migrate(global, args).await,
        Command::Submit(args) => submit::submit(global, args).await,
        Command::Events(args) => read::events(global, args).await,
        Command::Entity(args) => read::entity(global, args).await,
        Command::Timeline(args) => read::timeline(global, args).await,
        Command::Audit(args) => audit::audit(global, args).await,
        Command::Verify(args) => verify::verify(global, args).await,
        Command::Prove(args) => proof::prove(global, args).await,
        Command::Check(args) => proof::check(global, args),
        Command::Checkpoint(args) => log::checkpoint(global, args).await,
        Command::Keygen(args) => log::keygen(global, args),
        Command::Mirror(args) => mirror::mirror(global, args).await,
        Command::Serve(args) => serve::serve(global, args).await,
        Command::Completions(args) => {
            clap_complete::generate(args.shell, &mut Cli::command(), "veritrail", &mut std::io::stdout());
            Ok(Outcome::Done)
        }
    }
}
