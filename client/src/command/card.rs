//! The shape card: every public number of a program, as JSON and as text.
//!
//! Built from the shape, the schema and the cost alone, and the cost is a function of the shape:
//! nothing here could tell two programs of one shape and schema apart. Every public type is taken apart
//! field by field, without `..`: a new public number that is not on the card does not compile.

use engine::shape::{ForestShape, LinearShape, LinkShape, RankShape, Shape, StepShape, Sum};
use engine::{Cost, LabelRule, Link, Output, Precision, Profile, Program, Schema, ShapeClass};
use serde_json::{Value, json};

/// Facts in the order in which people read them.
pub(crate) type Facts = Vec<(&'static str, Fact)>;

/// One entry of the card.
pub(crate) enum Fact {
    /// A number, a name, a list of names, or null.
    One(Value),
    /// Facts of one subject.
    Group(Facts),
    /// The steps of the program, in order.
    Steps(Vec<Facts>),
}

/// The card of a program. Keys are stable.
pub(crate) fn card(program: &Program) -> Facts {
    of(program.shape(), program.schema())
}

/// The card of a shape and a schema.
pub(crate) fn of(shape: &Shape, public: &Schema) -> Facts {
    if let [StepShape::Rule(rule)] = shape.steps.as_slice() {
        return crate::command::rule_card::card(shape, rule);
    }
    let outputs: Vec<&str> = engine::shape_outputs(shape).into_iter().map(output).collect();
    let mut card = vec![("format_version", one(protocol::program::VERSION))];
    card.extend(head(shape));
    card.push(("outputs", one(outputs)));
    card.push(("schema", Fact::Group(schema(public))));
    card.push(("steps", Fact::Steps(shape.steps.iter().map(step).collect())));
    card.push(("cost", Fact::Group(cost(shape))));
    card
}

fn head(shape: &Shape) -> Facts {
    // `card` shows the steps
    let Shape { profile, class, features, precision, missing_value, steps: _ } = shape;
    let profile = match profile {
        Profile::Strict => "strict",
        Profile::DataOblivious => "data-oblivious",
    };
    let class = match class {
        ShapeClass::Auto => "auto",
        ShapeClass::Exact => "exact",
    };
    let precision = match precision {
        Precision::F32 => "f32",
        Precision::F64 => "f64",
    };
    vec![
        ("profile", one(profile)),
        ("class", one(class)),
        ("features", one(*features)),
        ("precision", one(precision)),
        ("missing_value", one(missing_value.map(float))),
    ]
}

fn schema(schema: &Schema) -> Facts {
    let Schema { features, feature_names, label: rule, classes, default_output } = schema;
    let mut facts = vec![
        ("features", one(*features)),
        ("feature_names", one(feature_names.clone())),
        ("classes", one(classes.clone())),
    ];
    facts.extend(label(*rule));
    facts.push(("default_output", one(output(*default_output))));
    facts
}

fn step(step: &StepShape) -> Facts {
    match step {
        StepShape::Rank(RankShape { groups, slots, thresholds }) => vec![
            ("step", one("rank")),
            ("groups", one(*groups)),
            ("slots", one(*slots)),
            ("thresholds", one(*thresholds)),
        ],
        StepShape::Forest(shape) => forest(shape),
        StepShape::Linear(LinearShape { outputs }) => {
            vec![("step", one("linear")), ("outputs", one(*outputs))]
        }
        StepShape::Rule(rule) => crate::command::rule_card::facts(rule),
        StepShape::Link(shape) => link(shape),
    }
}

fn forest(forest: &ForestShape) -> Facts {
    let ForestShape {
        trees,
        sequences,
        blocks,
        nodes,
        skip_bytes,
        leaf_width,
        lane_groups_per_rank_group,
        sum,
        average,
    } = *forest;
    let (sum, fraction_bits) = match sum {
        Sum::SourceF32 => ("source-f32", None),
        Sum::SourceF64 => ("source-f64", None),
        Sum::Fixed { fraction_bits } => ("fixed", Some(fraction_bits)),
        Sum::LeafIds => ("leaf-ids", None),
    };
    vec![
        ("step", one("forest")),
        ("trees", one(trees)),
        ("sequences", one(sequences)),
        ("blocks", one(blocks)),
        ("nodes", one(nodes)),
        ("skip_bytes", one(skip_bytes)),
        ("leaf_width", one(leaf_width)),
        ("lane_groups_per_rank_group", one(lane_groups_per_rank_group)),
        ("sum", one(sum)),
        ("fraction_bits", one(fraction_bits)),
        ("average", one(average)),
    ]
}

fn link(link: &LinkShape) -> Facts {
    let LinkShape { link, label: rule } = *link;
    let (name, scale) = match link {
        Link::Identity => ("identity", None),
        Link::Proportion => ("proportion", None),
        Link::Sigmoid { scale } => ("sigmoid", Some(float(scale))),
        Link::OneVersusRest => ("one-versus-rest", None),
        Link::Softmax => ("softmax", None),
        Link::Exp => ("exp", None),
    };
    let mut facts = vec![("step", one("link")), ("link", one(name)), ("scale", one(scale))];
    facts.extend(label(rule));
    facts
}

fn label(rule: LabelRule) -> Facts {
    let (name, flip) = match rule {
        LabelRule::None => ("none", None),
        LabelRule::Flip { flip } => ("flip", Some(float(flip))),
        LabelRule::ArgMaxMargin => ("argmax-margin", None),
        LabelRule::ArgMaxProbability => ("argmax-probability", None),
    };
    vec![("label", one(name)), ("flip", one(flip))]
}

fn cost(shape: &Shape) -> Facts {
    let Cost { program_bytes, layout_bytes, scratch_bytes, tile_steps, block_rows, kernel } =
        engine::cost(shape);
    vec![
        ("program_bytes", one(program_bytes)),
        ("layout_bytes", one(layout_bytes)),
        ("scratch_bytes_per_thread", one(scratch_bytes)),
        ("steps_per_64_rows", one(tile_steps)),
        ("rows_per_block", one(block_rows)),
        ("kernel", one(kernel)),
        ("fixed_sum_error_bound", one(engine::fixed_error_bound(shape).map(float))),
    ]
}

fn output(output: Output) -> &'static str {
    match output {
        Output::Margin => "margin",
        Output::Probability => "probability",
        Output::Prediction => "prediction",
        Output::Label => "label",
        Output::Leaf => "leaf",
    }
}

pub(crate) fn one(value: impl Into<Value>) -> Fact {
    Fact::One(value.into())
}

/// JSON has no infinity: it stands as text.
fn float(value: f64) -> Value {
    if value.is_finite() { json!(value) } else { json!(value.to_string()) }
}

/// The card as one JSON object.
pub(crate) fn object(facts: Facts) -> Value {
    let value = |fact| match fact {
        Fact::One(value) => value,
        Fact::Group(facts) => object(facts),
        Fact::Steps(steps) => steps.into_iter().map(object).collect(),
    };
    Value::Object(facts.into_iter().map(|(key, fact)| (key.to_owned(), value(fact))).collect())
}

/// The card for people: the same facts, one line each.
pub(crate) fn text(facts: &Facts) -> String {
    let mut out = String::from("shape card: everything that is public of this program\n");
    section(&mut out, facts, 0);
    out
}

/// Longest list that is printed whole; `--json` has all of it.
const LIST: usize = 12;

fn section(out: &mut String, facts: &Facts, indent: usize) {
    let pad = " ".repeat(indent);
    for (key, fact) in facts {
        let key = key.replace('_', " ");
        match fact {
            Fact::One(value) => {
                let width = 32usize.saturating_sub(indent);
                out.push_str(&format!("{pad}{key:width$}{}\n", plain(value)));
            }
            Fact::Group(facts) => {
                out.push_str(&format!("{pad}{key}\n"));
                section(out, facts, indent + 2);
            }
            Fact::Steps(steps) => {
                for (number, facts) in steps.iter().enumerate() {
                    out.push_str(&format!("{pad}step {}\n", number + 1));
                    section(out, facts, indent + 2);
                }
            }
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => {
            text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
        }
        Value::Array(items) => {
            let mut shown: Vec<String> = items.iter().take(LIST).map(plain).collect();
            if items.len() > LIST {
                shown.push(format!("... ({} in all, see --json)", items.len()));
            }
            if shown.is_empty() { "-".into() } else { shown.join(", ") }
        }
        other => other.to_string(),
    }
}
