//! A database, a signing key and the program on both.

use serde_json::Value;
use tempfile::TempDir;
use veritrail_tests::database::TestDatabase;
use veritrail_tests::numbered;
use veritrail_tests::veritrail::{Ran, run, run_with};

/// What a test works with.
pub(crate) struct Register {
    pub(crate) database: TestDatabase,
    pub(crate) folder: TempDir,
    verifier_key: String,
}

impl Register {
    /// A migrated database and a new key.
    pub(crate) async fn create() -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("key");
        let made = run(None, ["keygen", "example.org/registry", "-o", file.to_str().unwrap()]);
        assert_eq!(made.code, Some(0), "{made:?}");
        let verifier_key = made.stdout.trim_end().to_owned();
        Self { database: TestDatabase::create().await, folder, verifier_key }
    }

    /// The same with the first `count` sample events, signed.
    pub(crate) async fn with_events(count: u64) -> Self {
        let register = Self::create().await;
        let lines: String = (0..count).map(|number| numbered::event(number) + "\n").collect();
        let ran =
            register.run_with(&["submit", "-", "--signing-key", &register.key_file()], lines.as_bytes());
        assert_eq!(ran.code, Some(0), "{ran:?}");
        register
    }

    pub(crate) fn url(&self) -> &str {
        self.database.url()
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn key_file(&self) -> String {
        self.path("key")
    }

    pub(crate) fn verifier_key(&self) -> String {
        self.verifier_key.clone()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        run(Some(self.url()), arguments)
    }

    pub(crate) fn run_with(&self, arguments: &[&str], input: &[u8]) -> Ran {
        run_with(Some(self.url()), arguments, input)
    }

    /// Runs a command with `--json` that must answer with this code.
    pub(crate) fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let ran = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {ran:?}"))
    }
}

/// The names of an object's members, in byte order.
pub(crate) fn members(value: &Value) -> Vec<&str> {
    let mut names: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}
