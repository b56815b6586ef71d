//! What `cargo metadata` says of the workspace.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use crate::run::{cargo, output};

/// A package of the dependency graph.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Its manifest.
    pub(crate) manifest: PathBuf,
    /// Licence expression; empty if it has none.
    pub(crate) licence: String,
    /// Minimum supported Rust version, if it says.
    pub(crate) rust: Option<Rust>,
    /// What its manifest asks for of a registry: name and requirement.
    pub(crate) asks: Vec<(String, String)>,
    /// Packages that it is built with, by identifier; those for its tests are not among them.
    pub(crate) needs: Vec<String>,
}

/// A Rust version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rust(u32, u32);

impl Rust {
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(|number| number.parse().ok());
        Some(Self(numbers.next()??, numbers.next().flatten().unwrap_or(0)))
    }
}

impl std::fmt::Display for Rust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// The whole graph.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    /// All packages, by identifier.
    pub(crate) packages: BTreeMap<String, Package>,
    /// Those of this workspace.
    pub(crate) members: Vec<String>,
}

impl Graph {
    /// The graph of this workspace with all features.
    pub(crate) fn read() -> Result<Self, String> {
        let arguments = ["metadata", "--format-version", "1", "--locked", "--all-features"];
        let text = output(cargo().args(arguments))?;
        let value: Value = serde_json::from_str(&text).map_err(|e| format!("cargo metadata: {e}"))?;
        Self::parse(&value).ok_or_else(|| "cargo metadata: unexpected form".to_owned())
    }

    fn parse(value: &Value) -> Option<Self> {
        let mut packages = BTreeMap::new();
        for package in value.get("packages")?.as_array()? {
            let asks = package.get("dependencies")?.as_array()?.iter();
            let asks = asks.filter(|ask| ask.get("source").is_some_and(Value::is_string));
            let asks = asks.map(|ask| Some((text(ask, "name")?, text(ask, "req")?)));
            let read = Package {
                name: text(package, "name")?,
                version: text(package, "version")?,
                manifest: text(package, "manifest_path")?.into(),
                licence: text(package, "license").unwrap_or_default(),
                rust: text(package, "rust_version").and_then(|version| Rust::parse(&version)),
                asks: asks.collect::<Option<_>>()?,
                needs: Vec::new(),
            };
            packages.insert(text(package, "id")?, read);
        }
        for node in value.get("resolve")?.get("nodes")?.as_array()? {
            let needs = node.get("deps")?.as_array()?.iter().filter(|dep| {
                let kinds = dep.get("dep_kinds").and_then(Value::as_array);
                kinds.is_some_and(|kinds| {
                    kinds.iter().any(|kind| text(kind, "kind").as_deref() != Some("dev"))
                })
            });
            let needs = needs.map(|dep| text(dep, "pkg")).collect::<Option<_>>()?;
            packages.get_mut(&text(node, "id")?)?.needs = needs;
        }
        let members = value.get("workspace_members")?.as_array()?.iter();
        let members = members.map(|id| id.as_str().map(str::to_owned)).collect::<Option<_>>()?;
        Some(Self { packages, members })
    }

    /// A package of the workspace, and all that it is built with.
    pub(crate) fn built_with(&self, member: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut open = vec![member];
        while let Some(id) = open.pop() {
            if let Some((id, package)) = self.packages.get_key_value(id)
                && found.insert(id.as_str())
            {
                open.extend(package.needs.iter().map(String::as_str));
            }
        }
        found
    }

    /// The packages of the workspace.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&str, &Package)> {
        self.members.iter().filter_map(|id| Some((id.as_str(), self.packages.get(id)?)))
    }
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_is_built_with_few_packages_and_none_of_those_for_tests() {
        let graph = Graph::read().unwrap();
        let (core, package) = graph.members().find(|(_, package)| package.name == "fwupd-core").unwrap();
        let with: Vec<&str> =
            graph.built_with(core).iter().map(|id| graph.packages[*id].name.as_str()).collect();
        assert!(with.contains(&"sha2") && with.contains(&"digest"), "{with:?}");
        assert!(!with.contains(&"proptest") && !with.contains(&"ciborium"), "{with:?}");
        assert!(package.asks.iter().any(|(name, _)| name == "proptest"));
        assert_eq!(package.rust, Rust::parse("1.88"));
    }

    #[test]
    fn rust_versions_are_compared_by_number() {
        assert!(Rust::parse("1.9") < Rust::parse("1.88.0"));
        assert_eq!(Rust::parse("1"), Some(Rust(1, 0)));
        assert_eq!(Rust::parse("one"), None);
    }
}
