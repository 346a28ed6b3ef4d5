//! What reaches the harness from a runner process, gathered from its threads into one channel.

use std::io::{BufRead, BufReader, Read};
use std::process::ChildStdout;
use std::sync::mpsc::Sender;

use reelbench_protocol::Event;

/// Longest line a runner may send: a film of 10 hours at 60 variable-rate frames per second, written
/// out frame by frame, fits.
const LONGEST_LINE: u64 = 64 << 20;

/// How much of an unusable line an error shows.
const SHOWN: usize = 160;

/// Something that happened to a runner process.
#[derive(Debug)]
pub(crate) enum Message {
    /// It said something we understand.
    Event(Box<Event>),
    /// It said something else.
    Garbage(Garbage),
    /// Its output ended in the middle of this line.
    Torn(Garbage),
    /// Its output ended.
    OutputClosed,
    /// The process ended. It is still to be reaped, so its id is still its own.
    Exited,
    /// The user wants to stop.
    Stop,
}

/// A line that is not an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; the line begins `{beginning}`")]
pub struct Garbage {
    /// Its first characters.
    pub beginning: String,
    /// What is wrong with it.
    pub reason: String,
    /// The protocol version it names, if it is a hello that names one.
    pub protocol: Option<u32>,
}

/// Reads lines until the output ends or nobody listens.
pub(crate) fn read_lines(output: ChildStdout, sender: &Sender<Message>) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = output.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
        let message = match read {
            Ok(0) | Err(_) => Message::OutputClosed,
            Ok(_) => parse(&line),
        };
        let last = matches!(message, Message::OutputClosed);
        if sender.send(message).is_err() || last {
            return;
        }
    }
}

fn parse(line: &[u8]) -> Message {
    let Some(text) = line.strip_suffix(b"\n") else {
        return if line.len() as u64 == LONGEST_LINE {
            Message::Garbage(garbage(line, format!("the line is longer than {} MiB", LONGEST_LINE >> 20)))
        } else {
            Message::Torn(garbage(line, "the line breaks off".to_owned()))
        };
    };
    match serde_json::from_slice(text) {
        Ok(event) => Message::Event(Box::new(event)),
        Err(error) => {
            Message::Garbage(garbage(text, format!("it is not an event of the protocol ({error})")))
        }
    }
}

fn garbage(line: &[u8], reason: String) -> Garbage {
    /// As much of a hello as every version of the protocol has.
    #[derive(serde::Deserialize)]
    struct AnyHello {
        protocol: u32,
    }
    let protocol = serde_json::from_slice::<AnyHello>(line).ok().map(|hello| hello.protocol);
    let start = String::from_utf8_lossy(line.get(..SHOWN).unwrap_or(line)).into_owned();
    let beginning = start.escape_debug().to_string().replace("\\\"", "\"");
    Garbage { beginning, reason, protocol }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_garbage_with_their_beginning() {
        let Message::Garbage(garbage) = parse(b"\xff\xfe\x00 \"quoted\"\n") else { panic!() };
        assert_eq!(garbage.beginning, "\u{fffd}\u{fffd}\\0 \"quoted\"");
        assert!(garbage.reason.contains("not an event"), "{}", garbage.reason);
    }

    #[test]
    fn an_unknown_event_is_garbage_and_a_hello_of_another_version_tells_which() {
        let Message::Garbage(garbage) = parse(b"{\"event\":\"surprise\"}\n") else { panic!() };
        assert!(garbage.reason.contains("surprise"), "{}", garbage.reason);
        let Message::Garbage(garbage) = parse(b"{\"event\":\"hello\",\"protocol\":7}\n") else { panic!() };
        assert_eq!(garbage.protocol, Some(7));
    }

    #[test]
    fn half_a_line_is_torn() {
        assert!(matches!(parse(b"{\"event\":\"fai"), Message::Torn(_)));
    }
}
