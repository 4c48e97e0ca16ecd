//! Counting a JUnit report, the one format that both test runners write. Both escape `<` in texts, so an element's
//! opening is found by its name alone.

use crate::tally::Tally;

/// Counts test cases; one that was skipped counts as neither passed nor failed.
pub(super) fn of_junit(report: &str) -> Tally {
    let count = |opening: &str| u64::try_from(report.matches(opening).count()).unwrap_or(u64::MAX);
    let failed = count("<failure ") + count("<error ");
    Tally { passed: count("<testcase ").saturating_sub(failed + count("<skipped ")), failed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passed_failed_and_skipped_cases_are_told_apart() {
        let report = r#"<testsuites><testsuite tests="4" failures="1">
            <testcase name="a"/><testcase name="b"><failure message="1 &lt; 2">x</failure></testcase>
            <testcase name="c"><skipped type="skipped"/></testcase><testcase name="d"></testcase></testsuite></testsuites>"#;
        assert_eq!(of_junit(report), Tally { passed: 2, failed: 1 });
    }

    #[test]
    fn an_empty_report_counts_nothing() {
        assert_eq!(of_junit("<testsuites/>"), Tally::default());
    }
}
