//! A small HTTP/1.1 server on a local port that answers by a script.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// `GET`, `POST` …
    pub method: String,
    /// Path and query.
    pub target: String,
    headers: Vec<(String, String)>,
    /// What follows the headers.
    pub body: Vec<u8>,
    /// When its headers were read.
    pub at: Instant,
}

impl Received {
    /// A header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The same request for something else.
    #[must_use]
    pub fn at_target(self, target: String) -> Self {
        Self { target, ..self }
    }
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub enum Play {
    /// A whole answer; the connection stays open.
    #[expect(missing_docs, reason = "an answer's parts have their usual names")]
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8> },
    /// These bytes, then the connection is closed.
    Raw(Vec<u8>),
    /// These bytes, then a space every so often for ever.
    Drip(&'static str),
}

/// An answer without headers of its own.
pub fn answer(status: u16, body: impl AsRef<[u8]>) -> Play {
    answer_with(status, &[], body)
}

/// An answer with headers.
pub fn answer_with(status: u16, headers: &[(&'static str, &str)], body: impl AsRef<[u8]>) -> Play {
    let headers = headers.iter().map(|&(name, value)| (name, value.to_owned())).collect();
    Play::Answer { status, headers, body: body.as_ref().to_owned() }
}

/// Bytes as they are.
pub fn raw(bytes: &str) -> Play {
    Play::Raw(bytes.as_bytes().to_vec())
}

type Script = dyn Fn(usize, &Received) -> Play + Send + Sync;

struct Shared {
    script: Box<Script>,
    /// So many connections are reset: closed with part of the request unread.
    resets: usize,
    received: Mutex<Vec<Received>>,
    begun: AtomicUsize,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
    connections: AtomicUsize,
    stopped: AtomicBool,
}

/// The server; it stops when dropped.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    /// A server whose script is told each request with its number, counted from 0 in order of arrival.
    pub fn start(script: impl Fn(usize, &Received) -> Play + Send + Sync + 'static) -> Self {
        Self::start_resetting(0, script)
    }

    /// The same, but the first `resets` requests are not read to their end and their connections are reset.
    pub fn start_resetting(
        resets: usize,
        script: impl Fn(usize, &Received) -> Play + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script: Box::new(script),
            resets,
            received: Mutex::default(),
            begun: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
            most_under_way: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let listening = Arc::clone(&shared);
        thread::spawn(move || listening.listen(&listener));
        Self { address, shared }
    }

    /// A server that plays one thing to the first requests in order, and `last` to all others.
    pub fn playing(first: Vec<Play>, last: Play) -> Self {
        Self::start(move |number, _| first.get(number).unwrap_or(&last).clone())
    }

    /// Its address, without a final `/`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// Most requests that it was working on at the same moment.
    pub fn most_under_way(&self) -> usize {
        self.shared.most_under_way.load(Ordering::SeqCst)
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees that it is over.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn listen(self: Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.stopped.load(Ordering::SeqCst) {
                return;
            }
            self.connections.fetch_add(1, Ordering::SeqCst);
            let shared = Arc::clone(&self);
            thread::spawn(move || shared.serve(&stream.unwrap()));
        }
    }

    /// Answers the requests of one connection. A client that goes away ends it.
    fn serve(&self, stream: &TcpStream) {
        stream.set_nodelay(true).unwrap();
        // Small, so that a request which is not read to its end is left in the socket.
        let mut reader = BufReader::with_capacity(512, stream);
        while let Some(mut request) = read_head(&mut reader) {
            let number = self.begun.fetch_add(1, Ordering::SeqCst);
            if number < self.resets {
                self.received.lock().unwrap().push(request);
                return;
            }
            if let Some(length) = request.header("content-length").and_then(|length| length.parse().ok()) {
                let mut body = vec![0; length];
                if reader.read_exact(&mut body).is_err() {
                    return;
                }
                request.body = body;
            }
            self.received.lock().unwrap().push(request.clone());
            let under_way = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_under_way.fetch_max(under_way, Ordering::SeqCst);
            let play = (self.script)(number, &request);
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            if self.play(play, stream).is_none() {
                return;
            }
        }
    }

    /// `None` when the connection is to be closed.
    fn play(&self, play: Play, mut stream: &TcpStream) -> Option<()> {
        match play {
            Play::Answer { status, headers, body } => {
                let length = ("content-length", body.len().to_string());
                let lines =
                    headers.into_iter().chain([length]).map(|(name, value)| format!("{name}: {value}\r\n"));
                let head = format!("HTTP/1.1 {status} Status\r\n{}\r\n", lines.collect::<String>());
                let mut answer = head.into_bytes();
                answer.extend(body);
                stream.write_all(&answer).ok()
            }
            Play::Raw(bytes) => {
                let _ = stream.write_all(&bytes);
                None
            }
            Play::Drip(bytes) => {
                stream.write_all(bytes.as_bytes()).ok()?;
                while !self.stopped.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(50));
                    if !bytes.is_empty() {
                        stream.write_all(b" ").ok()?;
                    }
                }
                None
            }
        }
    }
}

fn read_head(reader: &mut impl BufRead) -> Option<Received> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&length| length > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    words.next().filter(|version| *version == "HTTP/1.1")?;
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
            None => return Some(Received { method, target, headers, body: Vec::new(), at: Instant::now() }),
        }
    }
}
