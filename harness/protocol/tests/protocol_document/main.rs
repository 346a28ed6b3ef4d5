//! PROTOCOL.md cannot drift: its conversation is the one made here from the types, message by message.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod conversation;

use reelbench_protocol::{Activity, Command, Event, FailureKind, PROTOCOL_VERSION, Stage};
use serde_json::Value;

use crate::conversation::{Message, conversation};

/// A JSON block of the document and the heading it stands under.
struct Block {
    heading: String,
    json: Value,
}

fn blocks(document: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut heading = "";
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("### ") {
            heading = line;
        } else if line == "```json" {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let json = serde_json::from_str(&text.join("\n"))
                .unwrap_or_else(|error| panic!("PROTOCOL.md, under `{heading}`: {error}"));
            blocks.push(Block { heading: heading.to_owned(), json });
        }
    }
    blocks
}

#[test]
fn the_document_shows_this_conversation() {
    let document = include_str!("../../PROTOCOL.md");
    let (blocks, conversation) = (blocks(document), conversation());
    for (block, message) in blocks.iter().zip(&conversation) {
        let Block { heading, json } = block;
        let (arrow, name) = message.name();
        assert!(
            heading.contains(arrow) && heading.contains(&format!("`{name}`")),
            "{heading}: now {arrow} `{name}`"
        );
        let expected = message.json();
        assert_eq!(*json, expected, "PROTOCOL.md, under `{heading}`, should show {expected:#}");
        assert_eq!(Message::parse(json), *message, "what the document shows can be read back");
    }
    assert_eq!(blocks.len(), conversation.len(), "every message is in the document, and no other");
    assert!(document.contains(&format!("Version {PROTOCOL_VERSION}.")));
}

#[test]
fn the_conversation_has_every_message_there_is() {
    let names: Vec<String> = conversation().iter().map(|message| message.name().1).collect();
    // A new message does not compile here until the conversation and the document have it.
    let name_of_command = |command: &Command| match command {
        Command::Estimate { .. } => "estimate",
        Command::Load(_) => "load",
        Command::Run(_) => "run",
        Command::Probe(_) => "probe",
        Command::Shutdown => "shutdown",
    };
    let name_of_event = |event: &Event| match event {
        Event::Hello(_) => "hello",
        Event::Progress(_) => "progress",
        Event::Estimated(_) => "estimated",
        Event::Loaded(_) => "loaded",
        Event::Repeat(_) => "repeat",
        Event::Probed { .. } => "probed",
        Event::Failed(_) => "failed",
    };
    for (message, name) in conversation().iter().zip(&names) {
        let expected = match message {
            Message::ToRunner(command) => name_of_command(command),
            Message::FromRunner(event) => name_of_event(event),
        };
        assert_eq!(name, expected);
    }
    let commands = ["estimate", "load", "run", "probe", "shutdown"];
    let events = ["hello", "estimated", "progress", "loaded", "repeat", "probed", "failed"];
    let all = commands.iter().chain(&events);
    for name in all {
        assert!(names.iter().any(|known| known == name), "{name}");
    }
}

#[test]
fn every_word_of_the_types_is_explained() {
    let document = include_str!("../../PROTOCOL.md");
    let stages = Stage::ALL.iter().map(ToString::to_string);
    let kinds = FailureKind::ALL.iter().map(ToString::to_string);
    let activities = Activity::ALL.iter().map(ToString::to_string);
    for word in stages.chain(kinds).chain(activities) {
        assert!(document.contains(&format!("`{word}`")), "PROTOCOL.md does not explain `{word}`");
    }
}
