//! `junit.xml`: one test case per check, for the test views of CI services.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Check, CheckVerdict, Gate, GateVerdict};
use crate::error::ReportError;

impl Gate {
    /// The checks as test cases in one suite per metric. A regression is a failure, a missing figure an error, and an
    /// inconclusive one is skipped: it is neither. Where nothing was checked, one erroneous case says so.
    ///
    /// # Errors
    /// When it cannot be written as XML.
    pub fn junit(&self) -> Result<String, ReportError> {
        let mut report = Report::new("reelbench gate");
        for limit in &self.runs.criteria.limits {
            let mut suite = TestSuite::new(limit.metric.as_str());
            suite.add_test_cases(
                self.checks.iter().filter(|check| check.metric == limit.metric).map(test_case),
            );
            report.add_test_suite(suite);
        }
        if self.checks.is_empty() {
            let mut suite = TestSuite::new("gate");
            suite.add_test_case(nothing_checked(self));
            report.add_test_suite(suite);
        }
        report.to_string().map_err(ReportError::JUnit)
    }
}

fn nothing_checked(gate: &Gate) -> TestCase {
    let name = match gate.verdict {
        GateVerdict::NotComparable => "comparable",
        _ => "something is gated",
    };
    TestCase::new(name, non_success(NonSuccessKind::Error, &gate.headline))
}

fn test_case(check: &Check) -> TestCase {
    let status = match check.verdict {
        CheckVerdict::Pass => TestCaseStatus::success(),
        CheckVerdict::Fail => non_success(NonSuccessKind::Failure, &check.reason),
        CheckVerdict::Missing => non_success(NonSuccessKind::Error, &check.reason),
        CheckVerdict::Inconclusive => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(check.reason.clone());
            status
        }
    };
    let mut case = TestCase::new(check.name.clone(), status);
    case.set_classname(check.metric.as_str());
    case.add_property(("cell", check.cell.as_str()));
    case.set_system_out(check.reason.clone());
    case
}

fn non_success(kind: NonSuccessKind, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(message.to_owned());
    status
}
