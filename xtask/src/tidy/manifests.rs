//! Rules on one package's manifest: it takes lints and versions from the workspace.
//!
//! Not here: what it may depend on (`arrows`).

use std::path::Path;

use super::Violation;

pub(super) fn check(path: &Path, text: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    if !inherits_lints(text) {
        violations.push(Violation::new(
            path,
            1,
            "inherits the lints of the workspace: `[lints] workspace = true`",
        ));
    }
    violations.extend(own_versions(path, text));
    violations
}

fn inherits_lints(text: &str) -> bool {
    let lines: Vec<_> = text.lines().map(|line| line.replace(' ', "")).collect();
    lines.iter().any(|line| line == "lints.workspace=true")
        || lines.windows(2).any(|pair| pair[0] == "[lints]" && pair[1] == "workspace=true")
}

/// Dependencies with a version of their own, which the root manifest is there for.
fn own_versions(path: &Path, text: &str) -> Vec<Violation> {
    let mut in_dependencies = false;
    let mut violations = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(table) = line.strip_prefix('[') {
            in_dependencies = table.trim_end_matches(']').ends_with("dependencies");
        } else if in_dependencies
            && let Some((name, value)) = line.split_once('=')
            && !name.starts_with('#')
            && (value.trim_start().starts_with('"') || value.contains("version ="))
        {
            let rule = format!("the version of `{}` stands in the root manifest", name.trim());
            violations.push(Violation::new(path, index + 1, rule));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Vec<(usize, String)> {
        check(Path::new("Cargo.toml"), text).into_iter().map(|found| (found.line, found.rule)).collect()
    }

    #[test]
    fn manifest_that_inherits_everything_breaks_no_rule() {
        let text = "[package]\nversion.workspace = true\n[lints]\nworkspace = true\n\n[dependencies]\n\
                    # The client.\nserde = { workspace = true, features = [\"std\"] }\ntime.workspace = true\n";
        assert!(rules(text).is_empty());
        assert!(rules("lints.workspace = true\n").is_empty());
    }

    #[test]
    fn absent_lints_are_found() {
        let found = rules("[package]\nname = \"a\"\n[features]\ndefault = []\n");
        assert!(found.len() == 1 && found[0].1.contains("lints"), "{found:?}");
    }

    #[test]
    fn version_of_its_own_is_found() {
        let text = "lints.workspace = true\n[dev-dependencies]\ninsta = \"1\"\nserde = { version = \"1\" }\n";
        let lines: Vec<_> = rules(text).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [3, 4]);
    }
}
