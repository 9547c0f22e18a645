//! Who may depend on whom: the arrows of the drawing in `docs/architecture.md`, and the libraries that stay inside one
//! crate.
//!
//! Not here: versions, which the root manifest alone has (`manifests`).

use std::collections::BTreeSet;
use std::path::Path;

use super::Violation;
use crate::workspace::{DependencyKind, Package};

const PREFIX: &str = "veritrail-";
/// The package that may depend on everything, since it tests everything.
const TESTS: &str = "veritrail-tests";
/// The arrows. A crate may also depend on what its dependencies depend on, and on nothing else of the workspace.
const ARROWS: [(&str, &[&str]); 10] = [
    ("veritrail-cli", &["veritrail-server", "veritrail-client"]),
    ("veritrail-server", &["veritrail-store-pg"]),
    ("veritrail-store-pg", &["veritrail-applier", "veritrail-sync", "veritrail-migrations"]),
    ("veritrail-client", &["veritrail-sync"]),
    ("veritrail-applier", &["veritrail-core"]),
    ("veritrail-sync", &["veritrail-core"]),
    ("veritrail-core", &["veritrail-merkle"]),
    ("veritrail-merkle", &[]),
    ("veritrail-migrations", &[]),
    ("xtask", &[]),
];
/// Libraries by the first part of their names, and the crates that they stay inside.
const CONFINED: [(&str, &[&str]); 3] = [
    ("axum", &["veritrail-server"]),
    ("diesel", &["veritrail-store-pg", "veritrail-migrations"]),
    ("reqwest", &["veritrail-client"]),
];

pub(super) fn check(package: &Package, manifest: &Path, text: &str) -> Vec<Violation> {
    let Some(reachable) = reachable(&package.name) else {
        let rule = format!("`{}` has no place in the drawing of the crates", package.name);
        return vec![Violation::new(manifest, line_of(text, "name"), rule)];
    };
    let broken = package.dependencies.iter().filter_map(|dependency| {
        let name = dependency.name.as_str();
        let rule = if name.starts_with(PREFIX) && package.name != TESTS && !reachable.contains(name) {
            format!("no arrow leads from `{}` to `{name}`", package.name)
        } else if dependency.kind != DependencyKind::Dev && package.name != TESTS {
            let homes = CONFINED.iter().find(|(library, _)| is_of(name, library)).map(|(_, homes)| homes)?;
            if homes.contains(&package.name.as_str()) {
                return None;
            }
            format!("`{name}` stays inside {}", homes.join(" and "))
        } else {
            return None;
        };
        Some(Violation::new(manifest, line_of(text, name), rule))
    });
    broken.collect()
}

/// Everything that arrows lead to from `package`.
fn reachable(package: &str) -> Option<BTreeSet<&'static str>> {
    if package == TESTS {
        return Some(BTreeSet::new());
    }
    let direct = ARROWS.iter().find(|(from, _)| *from == package)?.1;
    let mut all = BTreeSet::new();
    for to in direct {
        all.insert(*to);
        all.extend(reachable(to).unwrap_or_default());
    }
    Some(all)
}

/// `diesel`, `diesel-async` and `diesel_migrations` are of `diesel`.
fn is_of(name: &str, library: &str) -> bool {
    name.strip_prefix(library).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
}

fn line_of(text: &str, key: &str) -> usize {
    let found = text
        .lines()
        .position(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(['.', ' ', '='])));
    found.map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn rules(name: &str, dependencies: &[(&str, DependencyKind)]) -> Vec<String> {
        let package = Package {
            name: name.to_owned(),
            manifest: "Cargo.toml".into(),
            publishable: true,
            dependencies: dependencies
                .iter()
                .map(|(name, kind)| Dependency { name: (*name).to_owned(), kind: *kind })
                .collect(),
        };
        let found =
            check(&package, Path::new("Cargo.toml"), "[package]\n\n[dependencies]\naxum.workspace = true\n");
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn arrows_and_what_they_lead_to_are_allowed() {
        let normal = |name| (name, DependencyKind::Normal);
        let all =
            ["veritrail-server", "veritrail-store-pg", "veritrail-merkle", "veritrail-client"].map(normal);
        assert!(rules("veritrail-cli", &all).is_empty());
        assert!(rules("veritrail-tests", &["veritrail-cli", "reqwest"].map(normal)).is_empty());
    }

    #[test]
    fn arrow_backwards_is_found() {
        let found = rules("veritrail-core", &[("veritrail-sync", DependencyKind::Normal)]);
        assert_eq!(found, ["Cargo.toml:1: no arrow leads from `veritrail-core` to `veritrail-sync`"]);
        assert_eq!(rules("xtask", &[("veritrail-core", DependencyKind::Dev)]).len(), 1);
        assert_eq!(rules("veritrail-client", &[("veritrail-store-pg", DependencyKind::Normal)]).len(), 1);
    }

    #[test]
    fn library_outside_its_crate_is_found_with_its_line() {
        let found = rules("veritrail-client", &[("axum", DependencyKind::Normal)]);
        assert_eq!(found, ["Cargo.toml:4: `axum` stays inside veritrail-server"]);
        assert_eq!(rules("veritrail-server", &[("diesel_migrations", DependencyKind::Normal)]).len(), 1);
        assert_eq!(rules("veritrail-cli", &[("reqwest", DependencyKind::Build)]).len(), 1);
        assert!(rules("veritrail-client", &[("axum", DependencyKind::Dev)]).is_empty());
    }

    #[test]
    fn crate_without_a_place_in_the_drawing_is_found() {
        assert!(rules("veritrail-extra", &[])[0].contains("no place in the drawing"));
    }
}
