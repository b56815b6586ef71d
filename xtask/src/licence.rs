//! Licence expressions (SPDX, annex D), as far as packages use them.

/// Licences that may stand in what is shipped. No copyleft.
const ALLOWED: [&str; 11] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BlueOak-1.0.0",
    // Of data: the certificates that Mozilla trusts.
    "CDLA-Permissive-2.0",
    "ISC",
    "Unlicense",
    "Zlib",
    "Unicode-3.0",
];

/// Whether an expression can be met with the allowed licences alone.
pub(crate) fn is_allowed(expression: &str) -> bool {
    // The old form with a slash means OR.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    matches!(any(&words), Some((true, [])))
}

/// `a OR b`: the verdict, and the words behind it.
fn any<'w, 't>(words: &'w [&'t str]) -> Option<(bool, &'w [&'t str])> {
    let (mut good, mut rest) = all(words)?;
    while let ["OR", behind @ ..] = rest {
        let (next, behind) = all(behind)?;
        (good, rest) = (good | next, behind);
    }
    Some((good, rest))
}

/// `a AND b`, which binds closer.
fn all<'w, 't>(words: &'w [&'t str]) -> Option<(bool, &'w [&'t str])> {
    let (mut good, mut rest) = one(words)?;
    while let ["AND", behind @ ..] = rest {
        let (next, behind) = one(behind)?;
        (good, rest) = (good & next, behind);
    }
    Some((good, rest))
}

fn one<'w, 't>(words: &'w [&'t str]) -> Option<(bool, &'w [&'t str])> {
    match words {
        ["(", inner @ ..] => match any(inner)? {
            (good, [")", rest @ ..]) => Some((good, rest)),
            _ => None,
        },
        ["OR" | "AND" | "WITH" | ")", ..] | [] => None,
        [id, "WITH", exception, rest @ ..] => {
            Some((ALLOWED.contains(&format!("{id} WITH {exception}").as_str()), rest))
        }
        [id, rest @ ..] => Some((ALLOWED.contains(id), rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_allowed_if_a_choice_of_it_is() {
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "MIT OR Apache-2.0 OR LGPL-2.1-or-later",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
            "GPL-3.0-only OR (MIT AND ISC)",
        ] {
            assert!(is_allowed(good), "{good}");
        }
    }

    #[test]
    fn what_is_not_on_the_list_or_cannot_be_read_is_not_allowed() {
        for bad in [
            "",
            "MPL-2.0",
            "MIT AND GPL-3.0-only",
            "MIT OR",
            "(MIT",
            "MIT)",
            "MIT Apache-2.0",
            "GPL-2.0-only WITH Classpath-exception-2.0",
            "MIT OR GPL-3.0-only AND GPL-2.0-only )",
        ] {
            assert!(!is_allowed(bad), "{bad}");
        }
    }
}
