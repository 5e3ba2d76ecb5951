//! Names with `*`.

/// Whether `name` matches one of `patterns`; `*` stands for any characters, `/` included.
pub(super) fn any<'a>(patterns: impl IntoIterator<Item = &'a str>, name: &str) -> bool {
    patterns.into_iter().any(|pattern| matches(pattern.trim(), name))
}

/// Whether `name` matches `pattern`.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(tail) = name.strip_prefix(head) else { return false };
    (0..=tail.len()).filter(|at| tail.is_char_boundary(*at)).any(|at| matches(rest, &tail[at..]))
}

#[test]
fn a_star_stands_for_anything() {
    for (pattern, name, expected) in [
        ("cte.slt", "cte.slt", true),
        ("cte.slt", "a/cte.slt", false),
        ("spark/*", "spark/math/abs.slt", true),
        ("parquet*.slt", "parquet.slt", true),
        ("parquet*.slt", "parquet_cdc.slt", true),
        ("parquet*.slt", "arquet.slt", false),
    ] {
        assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
    }
}
