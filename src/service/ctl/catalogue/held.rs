//! `ctl export` and `ctl diff`: what is in force, as a file; and what a file would change in it.

use super::super::{Caller, CtlError, PAGE_SIZE, everywhere, pretty, put};
use crate::args::ctl::{DiffArgs, ExportArgs};
use crate::audit::difference::{Difference, differences, shown};
use crate::wire::catalogue::{self as wire, Generations, complaint_text};
use paceline_catalogue::{Catalogue, Shape, to_toml};
use paceline_proto::v1;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What is in force, and the generation of each thing by kind and id.
async fn held(caller: &mut Caller) -> Result<(Catalogue, Generations), CtlError> {
    let told = everywhere(caller, async |caller, page_token| {
        let is_led_only = caller.is_led_only;
        let request = v1::GetCatalogueRequest { page_size: PAGE_SIZE, page_token, is_led_only };
        let asked = caller.client.get_catalogue(request).await;
        let told = caller.answer(asked)?;
        let next = told.next_page_token.clone();
        Ok((vec![told], next))
    })
    .await?;
    wire::held(told).map_err(|complaints| {
        let told = complaint_text(&complaints);
        CtlError::Failed(format!("the service tells what this version cannot read: {told}"))
    })
}

/// What is in force as a file that `apply` takes.
pub(in super::super) async fn export(
    caller: &mut Caller,
    args: ExportArgs,
) -> Result<String, CtlError> {
    let (catalogue, _) = held(caller).await?;
    let text = to_toml(&catalogue).map_err(|error| CtlError::Failed(error.to_string()))?;
    put(args.out.as_deref(), text)
}

/// A thing that is otherwise in the file.
struct Changed {
    kind: &'static str,
    id: String,
    /// Zero: it is not in force.
    generation: u64,
    fields: Vec<Difference>,
}

/// A shape, to be compared.
#[derive(Serialize, PartialEq)]
struct Weights {
    name: String,
    weights: Vec<u32>,
}

fn plain<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).expect("specifications are plain data")
}

/// Every thing of the file that is otherwise, or not, in force.
fn compare<T: Serialize + PartialEq>(
    kind: &'static str,
    (stated, in_force): (&[T], &[T]),
    name: impl Fn(&T) -> String,
    generations: &Generations,
) -> Vec<Changed> {
    let known: BTreeMap<String, &T> = in_force.iter().map(|one| (name(one), one)).collect();
    let changed = stated.iter().filter_map(|one| {
        let id = name(one);
        let before = known.get(&id).copied();
        if before == Some(one) {
            return None;
        }
        let generation = generations.get(&(kind, id.clone())).copied().unwrap_or(0);
        let fields = differences(before.map(plain).as_ref(), Some(&plain(one)));
        Some(Changed { kind, id, generation, fields })
    });
    changed.collect()
}

/// What a file would change, field by field.
pub(in super::super) async fn diff(
    caller: &mut Caller,
    args: DiffArgs,
) -> Result<String, CtlError> {
    let stated = paceline_catalogue::read(&args.file)?;
    let (in_force, generations) = held(caller).await?;
    // Shapes differ from how they are read by their weights alone, and have names of their own.
    let weights = |catalogue: &Catalogue| -> Vec<Weights> {
        let of = |shape: &Shape| Weights {
            name: shape.name.to_string(),
            weights: shape.weights.clone(),
        };
        catalogue.shapes.iter().map(of).collect()
    };
    let (own, force) = (&stated, &in_force);
    let shapes = (&*weights(own), &*weights(force));
    let mut changed = compare("shape", shapes, |shape| shape.name.clone(), &generations);
    let payers = (own.advertisers.as_slice(), force.advertisers.as_slice());
    changed.extend(compare("advertiser", payers, |spec| spec.name.to_string(), &generations));
    let groups = (own.groups.as_slice(), force.groups.as_slice());
    changed.extend(compare("group", groups, |spec| spec.name.to_string(), &generations));
    let campaigns = (own.campaigns.as_slice(), force.campaigns.as_slice());
    changed.extend(compare("campaign", campaigns, |spec| spec.name.to_string(), &generations));
    if caller.is_json {
        return Ok(pretty(&json!({"changes": changed.iter().map(as_json).collect::<Value>()})));
    }
    Ok(as_text(&changed))
}

fn as_json(changed: &Changed) -> Value {
    let field =
        |one: &Difference| json!({"path": one.path, "before": one.before, "after": one.after});
    json!({
        "kind": changed.kind,
        "id": changed.id,
        "generation": changed.generation,
        "fields": changed.fields.iter().map(field).collect::<Value>(),
    })
}

fn as_text(changed: &[Changed]) -> String {
    if changed.is_empty() {
        return "nothing differs: everything in the file is as it is in force\n".to_owned();
    }
    let mut text = String::new();
    for one in changed {
        let head = match one.generation {
            0 => format!("{} {} is new", one.kind, one.id),
            count => format!("{} {} differs from generation {count}", one.kind, one.id),
        };
        writeln!(text, "{head}").expect("text grows as it needs");
        for field in &one.fields {
            let before = shown(&field.path, field.before.as_ref());
            let after = shown(&field.path, field.after.as_ref());
            writeln!(text, "  {}: {before} -> {after}", field.path)
                .expect("text grows as it needs");
        }
    }
    text
}
