//! Captions, beside what people wrote.

use reelbench_protocol::SceneCaption;
use reelbench_quality::{Captioned, Tokens};
use reelbench_references::{CaptionReference, Captions, Whereabouts};

use super::evidence::Evidence;

/// Every caption that people wrote something about.
pub(super) fn evidence(found: &[SceneCaption], known: &Captions) -> Evidence {
    let captioned = found.iter().filter_map(|caption| {
        let references = references_of(caption, known)?;
        let references = references.references.iter().map(|text| Tokens::of(text)).collect();
        Captioned::new(Tokens::of(&caption.text), references)
    });
    Evidence { captions: captioned.collect(), ..Evidence::default() }
}

/// What people wrote about a scene: under its number, else about the stretch of film in which most of the frames lie
/// that the model saw, and at least half of them.
pub(crate) fn references_of<'a>(caption: &SceneCaption, known: &'a Captions) -> Option<&'a CaptionReference> {
    let by_number =
        |reference: &&CaptionReference| reference.whereabouts == Whereabouts::Scene(caption.scene as usize);
    known.as_slice().iter().find(by_number).or_else(|| {
        let seen = |reference: &CaptionReference| match reference.whereabouts {
            Whereabouts::Scene(_) => 0,
            Whereabouts::Span(span) => {
                caption.frame_pts_s.iter().filter(|&&at| span.start_s() <= at && at < span.end_s()).count()
            }
        };
        // The first of equals.
        let most = known.as_slice().iter().rev().max_by_key(|reference| seen(reference))?;
        let enough = seen(most) > 0 && 2 * seen(most) >= caption.frame_pts_s.len();
        enough.then_some(most)
    })
}
