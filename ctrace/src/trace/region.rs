//! The runs of one region: recorded, compared with the first, and judged.

use super::code::Code;
use super::compare::{Findings, compare};
use super::fingerprint::Fingerprint;
use super::locate::Locator;
use super::observe::Step;
use super::record::Event;
use super::report::{Outcome, RegionReport, RunReport, merge};
use super::secrets::Planned;
use super::stepper::{Ending, Sink};
use super::tracee::{Registers, Tracee};
use crate::error::Error;
use std::collections::VecDeque;

/// The trace of one run.
pub(crate) struct Recorder {
    pub(crate) events: Vec<Event>,
    pub(crate) fingerprint: Option<Fingerprint>,
    most: usize,
    pub(super) parts: usize,
    pub(super) cut: Option<String>,
}

impl Recorder {
    pub(super) fn new(most: usize) -> Self {
        Self { events: vec![], fingerprint: None, most, parts: 0, cut: None }
    }

    pub(super) fn cut(why: String) -> Self {
        Self { cut: Some(why), ..Self::new(0) }
    }

    pub(super) fn identify(&mut self, tracee: Tracee, registers: &Registers) -> Result<(), Error> {
        if self.fingerprint.is_none() {
            self.fingerprint = Some(Fingerprint::new(tracee, registers, None)?);
        }
        Ok(())
    }

    pub(super) fn end(&mut self, ending: Ending) {
        if let Ending::Cut(why) = ending {
            self.cut.get_or_insert(why);
        }
    }
}

impl Sink for Recorder {
    fn push(&mut self, step: &Step) -> Result<bool, Error> {
        if self.events.len() >= self.most {
            return Ok(false);
        }
        self.events.push(Event::from(step));
        if let Some(fingerprint) = &mut self.fingerprint {
            fingerprint.push(step)?;
        }
        Ok(true)
    }
}

/// The runs of one region so far.
pub(super) struct Region {
    name: String,
    control_only: bool,
    pub(super) queue: VecDeque<Planned>,
    reference: Option<Vec<Event>>,
    runs: Vec<RunReport>,
    findings: Findings,
    control: Findings,
    pub(super) problems: Vec<String>,
}

impl Region {
    pub(super) fn new(name: String, planned: Vec<Planned>, control_only: bool) -> Self {
        Self {
            name,
            control_only,
            queue: planned.into(),
            reference: None,
            runs: vec![],
            findings: Findings::new(),
            control: Findings::new(),
            problems: vec![],
        }
    }

    pub(super) fn finish_run(&mut self, planned: Planned, recorder: Recorder) {
        let number = self.runs.len();
        let fingerprint = recorder.fingerprint.map(Fingerprint::finish);
        self.runs.push(RunReport {
            secret: planned.to_string(),
            control: planned.control,
            steps: recorder.events.len(),
            fingerprint: fingerprint.unwrap_or_default(),
        });
        if let Some(why) = recorder.cut {
            self.problems.push(format!("run {number} ({planned}): {why}"));
        } else if recorder.events.is_empty() {
            self.problems.push(format!("run {number} ({planned}): nothing was traced"));
        }
        let Some(reference) = &self.reference else {
            self.reference = Some(recorder.events);
            return;
        };
        let findings = if planned.control { &mut self.control } else { &mut self.findings };
        if !compare(reference, &recorder.events, number, findings) {
            self.problems.push(format!(
                "run {number} ({planned}): parts from the first run and does not come back"
            ));
        }
        if !self.control.is_empty() {
            // nothing can be concluded from the other secrets
            self.queue.clear();
        }
    }

    pub(super) fn report(mut self, code: &Code, mut locator: Locator) -> RegionReport {
        let reference = self.reference.unwrap_or_default();
        let different = self.runs.iter().filter(|run| !run.control).count();
        if self.control.is_empty()
            && self.problems.is_empty()
            && !self.control_only
            && different < 2
        {
            self.problems.push("one secret alone shows nothing; give at least two".into());
        }
        let outcome = if !self.control.is_empty() {
            Outcome::NotDeterministic
        } else if !self.findings.is_empty() {
            Outcome::Leak
        } else if !self.problems.is_empty() || self.runs.len() < 2 {
            Outcome::Incomplete
        } else {
            Outcome::Same
        };
        let shown = if self.control.is_empty() { &self.findings } else { &self.control };
        let leaks = merge(shown, &reference, code, &mut locator);
        RegionReport { name: self.name, outcome, runs: self.runs, leaks, problems: self.problems }
    }
}
