//! What the checks of constant time run of rules: the six examples and 50 random rules, each with
//! eight secrets of one length. A secret is the parameters, then the columns, as little-endian words.

use super::random_rule;
use engine::rule::{Number, Per, RuleColumn, RuleInputs, RuleResults, RuleShape, evaluate_rule};
use engine::shape::StepShape;
use engine::{Backend, Program, ProgramParts, Secret};
use std::path::{Path, PathBuf};

/// Random rules among the targets.
const RANDOM: usize = 50;
/// Secrets of each target.
const SECRETS: u64 = 8;

/// A rule, and secrets to run it on.
pub struct RuleTarget {
    /// The example, or `random` and its seed.
    pub name: String,
    /// Byte strings of one length.
    pub secrets: Vec<Vec<u8>>,
    program: Program,
    rows: usize,
    /// Sections of the models that the rule calls: the same for every secret.
    models: Vec<Vec<u8>>,
}

/// All targets.
pub fn rule_targets() -> Vec<RuleTarget> {
    (0..NAMES.len() + RANDOM).map(rule_target).collect()
}

/// Examples among the targets.
const NAMES: [&str; 6] =
    ["millionaires", "auction", "credit", "eligibility", "sanctions", "triage"];

/// Names of all targets, in order; those of random rules are numbered.
pub fn rule_target_names() -> Vec<String> {
    let examples = NAMES.into_iter().map(String::from);
    examples.chain((0..RANDOM).map(|number| format!("random{number}"))).collect()
}

/// One target, by its place among the names.
///
/// # Panics
/// Where there is none, or an example does not compile.
pub fn rule_target(number: usize) -> RuleTarget {
    let Some(&name) = NAMES.get(number) else {
        let random = (0u64..).filter_map(|seed| {
            let random = random_rule(seed);
            let rows = random.rows.min(6);
            RuleTarget::new(format!("random{seed}"), &random.rule, rows, &PathBuf::new())
        });
        return random.take(RANDOM).nth(number - NAMES.len()).expect("as many as named");
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name);
    let text = std::fs::read_to_string(folder.join(name).with_extension("rule"));
    let rule = rules::parse(&text.expect("the example")).expect("a rule");
    // two blocks for the short ones; the model and the list of 1,000 are long enough
    let rows = if matches!(name, "triage" | "sanctions") { 3 } else { 530 };
    RuleTarget::new(name.into(), &rule, rows, &folder).expect("it compiles")
}

impl RuleTarget {
    /// `None` where the checker refuses the rule.
    fn new(name: String, rule: &rules::ast::Rule, rows: usize, folder: &Path) -> Option<Self> {
        let mut model = |file: &str| {
            let imported = models::import_file(folder.join(file), &Default::default());
            let imported = imported.map_err(|error| error.to_string())?;
            engine::compile(&imported.model, &Default::default()).map_err(|error| error.to_string())
        };
        let given = rules::Given { parameters: None, rows: None, model: &mut model };
        let program = rules::check(rule, given).ok()?.program;
        let mut target = Self { name, secrets: Vec::new(), program, rows, models: Vec::new() };
        target.models = target.read_models();
        target.secrets = (0..SECRETS).map(|number| target.secret(number)).collect();
        Some(target)
    }

    fn shape(&self) -> &RuleShape {
        match self.program.shape().steps.as_slice() {
            [StepShape::Rule(rule)] => rule,
            _ => unreachable!("a rule was compiled"),
        }
    }

    /// Lowest, highest, zero and outside cells, then random ones.
    fn secret(&self, number: u64) -> Vec<u8> {
        let mut state = number;
        let mut random = move || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (state >> 1) as i64
        };
        let mut draw = |low: i64, high: i64| match number {
            0 => low,
            1 => high,
            2 => 0,
            3 => i64::MIN,
            4 => i64::MAX,
            _ => low.wrapping_add(random() % high.wrapping_sub(low).max(1)),
        };
        let mut bytes = Vec::new();
        for &(low, high) in &self.shape().parameters {
            bytes.extend(draw(low, high).clamp(low, high).to_le_bytes());
        }
        for input in &self.shape().inputs {
            for _ in 0..if input.per == Per::Row { self.rows } else { 1 } {
                let cell = draw(input.low, input.high);
                match input.number {
                    Number::F32 => bytes.extend((cell as i32).to_le_bytes()),
                    Number::Truth => bytes.extend((cell & 1).to_le_bytes()),
                    _ => bytes.extend(cell.to_le_bytes()),
                }
            }
        }
        bytes
    }

    /// Checks and evaluates the rule on a secret of the length of its own: what is watched.
    pub fn run(&self, backend: Backend, prepared: Prepared) -> RuleResults {
        let program = Program::try_from_parts(prepared.parts).expect("valid parameters");
        evaluate_rule(&program, &prepared.inputs, backend).expect("inputs that fit")
    }

    /// Lays a secret out as parameters and columns: copies of public lengths.
    pub fn prepare(&self, secret: &[u8]) -> Prepared {
        let rule = self.shape();
        let (own, mut rest) = secret.split_at(rule.parameters.len() * 8);
        let mut sections = vec![own.to_vec()];
        sections.extend_from_slice(&self.models);
        let mut take = |bytes: usize| {
            let (now, later) = rest.split_at(bytes);
            rest = later;
            now.to_vec()
        };
        let columns = rule.inputs.iter().map(|input| {
            let rows = if input.per == Per::Row { self.rows } else { 1 };
            let words = |bytes: Vec<u8>| bytes.as_chunks::<8>().0.to_vec();
            match input.number {
                Number::F32 => {
                    let words = take(rows * 4).as_chunks::<4>().0.to_vec();
                    RuleColumn::F32(words.into_iter().map(f32::from_le_bytes).collect())
                }
                Number::F64 => {
                    let words = words(take(rows * 8));
                    RuleColumn::F64(words.into_iter().map(f64::from_le_bytes).collect())
                }
                _ => {
                    let words = words(take(rows * 8));
                    RuleColumn::I64(words.into_iter().map(i64::from_le_bytes).collect())
                }
            }
        });
        let inputs = RuleInputs::new(self.rows, columns.collect());
        let (shape, schema) = (self.program.shape().clone(), self.program.schema().clone());
        Prepared { parts: ProgramParts { shape, schema, sections: Secret::new(sections) }, inputs }
    }

    fn read_models(&self) -> Vec<Vec<u8>> {
        if self.shape().models.is_empty() {
            return Vec::new();
        }
        let bytes = engine::section_bytes(self.program.shape());
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/triage/model.json");
        let imported = models::import_file(file, &Default::default()).expect("the model");
        let program = engine::compile(&imported.model, &Default::default()).expect("it compiles");
        let sections = program.into_parts().sections.declassify();
        assert_eq!(sections.len() + 1, bytes.len());
        sections
    }
}

/// A program's parts and its inputs.
pub struct Prepared {
    parts: ProgramParts,
    inputs: RuleInputs,
}
