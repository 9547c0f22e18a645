//! `cargo xtask migrate`: brings the schema up in `DATABASE_URL`, or in the cluster of `cargo xtask db`.
//!
//! Not here: the migrations, which are `veritrail migrate`'s.

use std::env;

use crate::cli_binary::{self, Build};
use crate::db;
use crate::pg::url::ServerUrl;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let url = match env::var("DATABASE_URL") {
        Ok(url) => ServerUrl::new(url),
        Err(_) => {
            let url = db::start(workspace)?;
            println!("{}", url.as_str());
            url
        }
    };
    let veritrail = cli_binary::build(workspace, Build::Debug)?;
    cli_binary::migrate(&veritrail, &url)
}
