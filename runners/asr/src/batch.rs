//! Several sounds at once: up to a number of windows are under way together.
//!
//! Each sound moves through its own windows by its own timestamps, as it would alone. A window is
//! heard by itself, for it fills the processor; all are then written in lock step, one token each at
//! a time, so that one pass over the weights serves all. One that ends makes room for its sound's
//! next window, or for the next sound. One that has to be
//! written again at a temperature goes on among the others. Beams already share their passes, so
//! their windows are written one after another.

use std::ops::Range;

use rayon::prelude::*;

use crate::decoder::{Heard, Hypotheses};
use crate::error::AsrError;
use crate::fallback::Judged;
use crate::mel::{HOP, LogMel, WINDOW_FRAMES};
use crate::rules::TokenRules;
use crate::transcribe::{TranscribeOptions, Transcription, check_samples};
use crate::whisper::Whisper;
use crate::window::{Search, Writing, Written, advance};

/// Most windows that are under way together.
pub const MAX_BATCH: u32 = 64;

impl Whisper {
    /// Transcribes several independent sounds, each as [`Whisper::transcribe`] would, with up to
    /// `batch` windows of 30 s under way together: 1 to [`MAX_BATCH`], what lies outside counts as
    /// the nearest of these. The texts do not depend on `batch`. `progress` is told the
    /// share that is done, up to 1.
    ///
    /// # Errors
    /// Each sound has its own: when a sample is not finite, an option is out of range, or the
    /// weights predict no numbers.
    pub fn transcribe_many(
        &self,
        sounds: &[&[f32]],
        options: &TranscribeOptions,
        batch: usize,
        progress: &mut dyn FnMut(f64),
    ) -> Vec<Result<Transcription, AsrError>> {
        let most = batch.clamp(1, MAX_BATCH as usize);
        let mut batch = Batch::new(self, options, sounds);
        let mut waiting = sounds.iter().enumerate();
        loop {
            while batch.windows.len() + batch.entering.len() < most {
                let Some((index, samples)) = waiting.next() else { break };
                let opened = Sound::open(self, options, index, samples);
                batch.follow(index, opened.map(Some));
            }
            if batch.windows.is_empty() && batch.entering.is_empty() {
                break;
            }
            batch.enter();
            batch.step();
            progress(batch.share());
        }
        progress(1.0);
        batch.results.into_iter().map(|result| result.unwrap_or(Err(AsrError::NotANumber))).collect()
    }
}

/// The windows under way.
struct Batch<'a> {
    whisper: &'a Whisper,
    options: &'a TranscribeOptions,
    rules: TokenRules,
    /// Sounds whose next window is to be heard.
    entering: Vec<Sound>,
    /// The windows being written; the writings and hypotheses are theirs, one by one.
    windows: Vec<Window>,
    writings: Vec<Writing>,
    hypotheses: Hypotheses,
    /// Samples of each sound.
    lengths: Vec<usize>,
    /// What came of each sound, once it has ended.
    results: Vec<Option<Result<Transcription, AsrError>>>,
}

/// A sound that has not ended.
struct Sound {
    index: usize,
    mel: LogMel,
    frames: usize,
    /// The frame at which the next window starts.
    start: usize,
    /// Empty before the first window.
    prompt: Vec<u32>,
    transcription: Transcription,
}

/// A window of a sound.
struct Window {
    sound: Sound,
    heard: Heard,
    /// How often it has been written, this time included.
    tries: usize,
}

impl Sound {
    fn open(
        whisper: &Whisper,
        options: &TranscribeOptions,
        index: usize,
        samples: &[f32],
    ) -> Result<Self, AsrError> {
        options.check()?;
        check_samples(samples)?;
        let mel = whisper.mel.compute(samples);
        let frames = samples.len().div_ceil(HOP).min(mel.frames());
        let transcription = Transcription::default();
        Ok(Self { index, mel, frames, start: 0, prompt: Vec::new(), transcription })
    }

    fn window(&self) -> Range<usize> {
        self.start..self.frames.min(self.start + WINDOW_FRAMES)
    }

    fn end(self) -> Transcription {
        let mut transcription = self.transcription;
        let texts = transcription.segments.iter().map(|segment| segment.text.as_str());
        texts.collect::<String>().trim().clone_into(&mut transcription.text);
        transcription
    }
}

impl<'a> Batch<'a> {
    fn new(whisper: &'a Whisper, options: &'a TranscribeOptions, sounds: &[&[f32]]) -> Self {
        Self {
            whisper,
            options,
            rules: whisper.rules(options),
            entering: Vec::new(),
            windows: Vec::new(),
            writings: Vec::new(),
            hypotheses: Hypotheses::default(),
            lengths: sounds.iter().map(|samples| samples.len()).collect(),
            results: sounds.iter().map(|_| None).collect(),
        }
    }

    /// What becomes of sound `index`: it goes on to its next window, it ended, or, where there is
    /// none, its window is still being written.
    fn follow(&mut self, index: usize, sound: Result<Option<Sound>, AsrError>) {
        match sound {
            Ok(Some(sound)) if sound.start < sound.frames => self.entering.push(sound),
            Ok(Some(sound)) => self.results[index] = Some(Ok(sound.end())),
            Ok(None) => {}
            Err(error) => self.results[index] = Some(Err(error)),
        }
    }

    /// Hears the next windows, one after another: each fills the processor, and its values leave the
    /// caches when another's come between.
    fn enter(&mut self) {
        for sound in std::mem::take(&mut self.entering) {
            let index = sound.index;
            let sound = self.begin(sound);
            self.follow(index, sound);
        }
    }

    fn begin(&mut self, mut sound: Sound) -> Result<Option<Sound>, AsrError> {
        let heard = self.whisper.hear(&self.whisper.encode(&sound.mel, sound.start)?)?;
        if sound.prompt.is_empty() {
            sound.prompt = self.whisper.prompt(self.options, &heard)?;
        }
        let window = Window { sound, heard, tries: 1 };
        let search = self.options.first_search();
        if matches!(search, Search::Beams(_)) {
            let writer = self.whisper.writer(&self.rules, &window.sound.prompt);
            let written = writer.write(&window.heard, search)?;
            return self.settle(window, written);
        }
        self.write(window, search);
        Ok(None)
    }

    fn write(&mut self, window: Window, search: Search) {
        self.hypotheses.push(&self.whisper.decoder, &window.heard);
        self.writings.push(Writing::new(&window.sound.prompt, search));
        self.windows.push(window);
    }

    /// Every window goes on by a token; those that end leave.
    fn step(&mut self) {
        if self.windows.is_empty() {
            return;
        }
        advance(&self.whisper.decoder, &mut self.hypotheses, &self.writings);
        let (whisper, rules) = (self.whisper, &self.rules);
        let logits: Vec<&mut [f32]> = self.hypotheses.logits().collect();
        let rows = self.writings.par_iter_mut().zip(&self.windows).zip(logits);
        let read = rows.map(|((writing, window), logits)| {
            writing.read(&whisper.writer(rules, &window.sound.prompt), logits)
        });
        let read: Vec<Result<Option<Written>, AsrError>> = read.collect();
        // From the last on: what takes the place of one that leaves has been looked at.
        for (place, read) in read.into_iter().enumerate().rev() {
            let Some(ended) = read.transpose() else { continue };
            self.writings.swap_remove(place);
            self.hypotheses.swap_remove(place);
            let window = self.windows.swap_remove(place);
            let index = window.sound.index;
            let sound = ended.and_then(|written| self.settle(window, written));
            self.follow(index, sound);
        }
    }

    /// Takes in what was written about a window; it is written again if it looks wrong.
    fn settle(&mut self, window: Window, written: Written) -> Result<Option<Sound>, AsrError> {
        let Window { mut sound, heard, tries } = window;
        let written = match self.whisper.judge(written, tries, self.options)? {
            Judged::Again(search) => {
                self.write(Window { sound, heard, tries: tries + 1 }, search);
                return Ok(None);
            }
            Judged::Stands(written) => written,
        };
        let window = sound.window();
        sound.start = match written {
            Some(Written { tokens, .. }) => {
                let timestamps = self.options.timestamps;
                self.whisper.file(&tokens, timestamps, window, &mut sound.transcription)?
            }
            None => window.end,
        };
        Ok(Some(sound))
    }

    /// The share of all samples that is done.
    fn share(&self) -> f64 {
        let ended = self.results.iter().zip(&self.lengths).filter(|(result, _)| result.is_some());
        let ended: usize = ended.map(|(_, length)| length).sum();
        let open = self.windows.iter().map(|window| &window.sound).chain(&self.entering);
        let begun: usize = open.map(|sound| (sound.start * HOP).min(self.lengths[sound.index])).sum();
        let all: usize = self.lengths.iter().sum();
        (ended + begun) as f64 / all.max(1) as f64
    }
}
