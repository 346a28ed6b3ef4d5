//! What reaches the harness from a runner process, gathered from its threads into one channel.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::Duration;

use reelbench_protocol::Event;

/// Longest line a runner may send: a film of 10 hours at 60 variable-rate frames per second, written
/// out frame by frame, fits.
const LONGEST_LINE: u64 = 64 << 20;

/// How many lines are read ahead of the harness. A runner that says more waits until they are heard, so that one that
/// talks while nobody listens costs no memory.
const AHEAD: usize = 2;

/// The memory that stays reserved for lines.
const SHORT_LINE: usize = 1 << 20;

/// How much of an unusable line an error shows.
const SHOWN: usize = 160;

/// Something that happened to a runner process.
#[derive(Debug)]
pub(crate) enum Message {
    /// It said something we understand.
    Event(Box<Event>),
    /// It said something we understand, and more in the same breath.
    EventAndMore(Box<Event>),
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

/// What reaches the harness from one process. It is woken by whichever comes first.
#[derive(Debug)]
pub(crate) struct Mailbox {
    inbox: Receiver<Message>,
    sender: Sender<Message>,
    room: Receiver<()>,
}

/// The side of a mailbox on which a process's output is read.
#[derive(Debug)]
pub(crate) struct Reader {
    sender: Sender<Message>,
    room: SyncSender<()>,
}

impl Mailbox {
    pub(crate) fn new() -> (Self, Reader) {
        let (sender, inbox) = mpsc::channel();
        let (room_taken, room) = mpsc::sync_channel(AHEAD);
        (Self { inbox, sender: sender.clone(), room }, Reader { sender, room: room_taken })
    }

    /// Where what is no output is put.
    pub(crate) fn sender(&self) -> Sender<Message> {
        self.sender.clone()
    }

    /// The next message, if one comes in time.
    pub(crate) fn wait(&self, patience: Duration) -> Result<Message, RecvTimeoutError> {
        let message = self.inbox.recv_timeout(patience)?;
        if message.is_output() {
            // The reader took this room before it sent the message.
            let _ = self.room.try_recv();
        }
        Ok(message)
    }
}

impl Message {
    fn is_output(&self) -> bool {
        !matches!(self, Self::Exited | Self::Stop)
    }
}

impl Reader {
    /// Reads lines until the output ends or nobody listens.
    pub(crate) fn read(&self, output: impl Read) {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = output.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
            let message = match read {
                Ok(0) | Err(_) => Message::OutputClosed,
                Ok(_) => parse(&line),
            };
            let message = match message {
                Message::Event(event) if !output.buffer().is_empty() => Message::EventAndMore(event),
                message => message,
            };
            // A long line's memory is not kept for the short ones after it.
            line.shrink_to(SHORT_LINE);
            let last = matches!(message, Message::OutputClosed);
            if self.room.send(()).is_err() || self.sender.send(message).is_err() || last {
                return;
            }
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
    parse_event(text).map_or_else(Message::Garbage, |event| Message::Event(Box::new(event)))
}

/// Reads what a runner says in one line, its end left out.
///
/// # Errors
/// When the line is no event of the protocol.
pub fn parse_event(line: &[u8]) -> Result<Event, Garbage> {
    serde_json::from_slice(line)
        .map_err(|error| garbage(line, format!("it is not an event of the protocol ({error})")))
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
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

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

    /// A runner that says the same for ever, and how much of it was read.
    struct Chatter {
        said: &'static [u8],
        read: Arc<AtomicUsize>,
    }

    impl Read for Chatter {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = buffer.len().min(self.said.len());
            buffer[..count].copy_from_slice(&self.said[..count]);
            self.read.fetch_add(count, Ordering::SeqCst);
            Ok(count)
        }
    }

    #[test]
    fn nothing_is_read_far_ahead_of_the_harness() {
        const LINE: &[u8] = b"{\"event\":\"progress\",\"stage\":\"asr\",\"done\":1,\"total\":2}\n";
        let (mailbox, reader) = Mailbox::new();
        let read = Arc::new(AtomicUsize::new(0));
        let chatter = Chatter { said: LINE, read: Arc::clone(&read) };
        let thread = std::thread::spawn(move || reader.read(chatter));
        for _ in 0..1_000 {
            mailbox.wait(Duration::from_mins(1)).unwrap();
        }
        std::thread::sleep(Duration::from_millis(200));
        let ahead = read.load(Ordering::SeqCst) / LINE.len() - 1_000;
        assert!(ahead < 1_000, "{ahead} lines were read ahead");
        drop(mailbox);
        thread.join().unwrap();
    }

    #[test]
    fn what_follows_an_event_in_the_same_breath_is_told() {
        const TWICE: &[u8] = b"{\"event\":\"probed\",\"result\":1}\n{\"event\":\"probed\",\"result\":2}\n";
        let (mailbox, reader) = Mailbox::new();
        reader.read(TWICE.chunks(TWICE.len() / 2).next().unwrap());
        assert!(matches!(mailbox.wait(Duration::ZERO), Ok(Message::Event(_))));
        assert!(matches!(mailbox.wait(Duration::ZERO), Ok(Message::OutputClosed)));
        let thread = std::thread::spawn(move || reader.read(TWICE));
        let heard = || mailbox.wait(Duration::from_mins(1)).unwrap();
        assert!(matches!(heard(), Message::EventAndMore(_)));
        assert!(matches!(heard(), Message::Event(_)));
        thread.join().unwrap();
    }
}
