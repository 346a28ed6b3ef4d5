//! The question asked about a scene: a template that can tell of what the base stages found.

use std::collections::{BTreeMap, BTreeSet};

use crate::{SceneContext, Tag};

/// Least score of a sound that a question tells of.
const LEAST_SCORE: f32 = 0.1;

/// What stands for a stage that found nothing.
const NOTHING: &str = "none";

/// A question with `{transcript}`, `{sounds}` and `{objects}` in it, or without. `{{` and `}}` stand for braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(Placeholder),
}

/// What a question can tell of a scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Placeholder {
    /// What was said in the scene.
    Transcript,
    /// What was heard: `Music, Speech`.
    Sounds,
    /// What was seen: `2 person, 1 dog`.
    Objects,
}
crate::words!(Placeholder { Transcript => "transcript", Sounds => "sounds", Objects => "objects" });

/// A question that is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// A word that stands for nothing.
    #[error("`{{{word}}}` stands for nothing in a question")]
    Unknown {
        /// The word between the braces.
        word: String,
    },
    /// A brace without its partner.
    #[error("a brace without its partner in a question: write `{{{{` or `}}}}` for the brace itself")]
    Unbalanced,
}

impl std::str::FromStr for Question {
    type Err = QuestionError;

    fn from_str(template: &str) -> Result<Self, QuestionError> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = template;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, braced) = rest.split_at(at);
            text.push_str(before);
            if let Some(after) = braced.strip_prefix("{{") {
                text.push('{');
                rest = after;
            } else if let Some(after) = braced.strip_prefix("}}") {
                text.push('}');
                rest = after;
            } else {
                let inner = braced.strip_prefix('{').ok_or(QuestionError::Unbalanced)?;
                let (word, after) = inner.split_once('}').ok_or(QuestionError::Unbalanced)?;
                let known = Placeholder::ALL.iter().copied().find(|placeholder| placeholder.as_str() == word);
                let placeholder = known.ok_or_else(|| QuestionError::Unknown { word: word.to_owned() })?;
                parts.push(Part::Text(std::mem::take(&mut text)));
                parts.push(Part::Placeholder(placeholder));
                rest = after;
            }
        }
        text.push_str(rest);
        parts.push(Part::Text(text));
        Ok(Self { parts })
    }
}

impl Question {
    /// What it tells of.
    pub fn placeholders(&self) -> BTreeSet<Placeholder> {
        let placeholder = |part: &Part| match part {
            Part::Text(_) => None,
            Part::Placeholder(placeholder) => Some(*placeholder),
        };
        self.parts.iter().filter_map(placeholder).collect()
    }

    /// The question about one scene. What was not looked for reads as what was not found.
    pub fn about(&self, scene: &SceneContext) -> String {
        let text = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Placeholder(Placeholder::Transcript) => or_nothing(scene.transcript.clone()),
            Part::Placeholder(Placeholder::Sounds) => or_nothing(scene.sounds.as_deref().map(sounds_text)),
            Part::Placeholder(Placeholder::Objects) => or_nothing(objects_text(scene)),
        };
        self.parts.iter().map(text).collect()
    }
}

fn or_nothing(text: Option<String>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| NOTHING.to_owned())
}

fn sounds_text(tags: &[Tag]) -> String {
    let loud = tags.iter().filter(|tag| tag.score >= LEAST_SCORE);
    loud.map(|tag| tag.label.as_str()).collect::<Vec<_>>().join(", ")
}

fn objects_text(scene: &SceneContext) -> Option<String> {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for object in scene.objects.as_ref()? {
        *counts.entry(object.label.as_str()).or_default() += object.count;
    }
    let mut counts: Vec<(&str, u32)> = counts.into_iter().collect();
    counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    Some(counts.into_iter().map(|(label, count)| format!("{count} {label}")).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SceneObject;

    fn question(template: &str) -> Question {
        template.parse().unwrap()
    }

    #[test]
    fn a_scene_fills_the_template() {
        let object = |label: &str, track| SceneObject {
            label: label.to_owned(),
            class: 0,
            track: Some(track),
            count: 1,
            frames: 3,
            first_s: 0.0,
            last_s: 1.0,
            score: 0.5,
        };
        let scene = SceneContext {
            transcript: Some("Hello {world}".to_owned()),
            sounds: Some(vec![
                Tag { label: "Music".to_owned(), index: 137, score: 0.9 },
                Tag { label: "Speech".to_owned(), index: 0, score: 0.05 },
            ]),
            objects: Some(vec![object("dog", 1), object("person", 2), object("person", 4)]),
        };
        let question = question("Heard: {transcript}; {sounds}. Seen: {objects}. {{as is}}");
        assert_eq!(
            question.about(&scene),
            "Heard: Hello {world}; Music. Seen: 2 person, 1 dog. {as is}",
            "braces of what was said are not looked into"
        );
        assert_eq!(question.placeholders().into_iter().collect::<Vec<_>>(), Placeholder::ALL);
        assert_eq!(question.about(&SceneContext::default()), "Heard: none; none. Seen: none. {as is}");
    }

    #[test]
    fn a_plain_question_stays_as_it_is() {
        let plain = question("Describe what happens in this scene.");
        assert!(plain.placeholders().is_empty());
        assert_eq!(plain.about(&SceneContext::default()), "Describe what happens in this scene.");
    }

    #[test]
    fn what_is_no_template_is_refused() {
        let unknown = |word: &str| QuestionError::Unknown { word: word.to_owned() };
        assert_eq!("What of {object}?".parse::<Question>(), Err(unknown("object")));
        assert_eq!("{}".parse::<Question>(), Err(unknown("")));
        for template in ["{", "a } b", "{transcript", "}{"] {
            assert_eq!(template.parse::<Question>(), Err(QuestionError::Unbalanced), "{template}");
        }
    }
}
