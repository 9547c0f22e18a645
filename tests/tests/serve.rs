//! `veritrail serve`: it says where it listens, answers a probe, and ends orderly at a signal.

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use veritrail_tests::database::TestDatabase;

fn veritrail() -> Command {
    Command::new(env::var_os("VERITRAIL_BIN").expect("`cargo xtask test` sets VERITRAIL_BIN"))
}

fn probe(url: &str) -> Option<i32> {
    let mut command = veritrail();
    command.args(["serve", "--probe", url]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().expect("the program starts").code()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_ready_until_a_signal_ends_it() {
    let database = TestDatabase::create().await;
    let mut command = veritrail();
    command.args(["serve", "--listen", "127.0.0.1:0"]).env("DATABASE_URL", database.url());
    let mut server = command.stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let url = line.trim().strip_prefix("listening on ").expect("where it listens");
    assert_eq!(probe(url), Some(0));
    assert_eq!(probe("ftp://nowhere"), Some(2));

    let process = rustix::process::Pid::from_child(&server);
    rustix::process::kill_process(process, rustix::process::Signal::TERM).expect("a signal");
    assert_eq!(server.wait().expect("it ends").code(), Some(0));
    assert_eq!(probe(url), Some(1));
}
