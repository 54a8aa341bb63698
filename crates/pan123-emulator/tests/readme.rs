//! The README repeats two tables of the documentation; they must stay the same.
#![allow(clippy::unwrap_used)]

const README: &str = include_str!("../README.md");

/// What stands between two marks.
fn part(name: &str) -> &'static str {
    let begin = format!("<!-- {name} -->\n");
    let end = format!("<!-- /{name} -->");
    let (_, rest) = README.split_once(&begin).unwrap();
    rest.split_once(&end).unwrap().0
}

#[test]
fn the_table_of_faults_is_the_documentations() {
    assert_eq!(part("faults.md"), include_str!("../src/faults.md"));
}

#[test]
fn the_table_of_what_is_known_is_the_documentations() {
    assert_eq!(part("known"), include_str!("../src/known.md"));
}
