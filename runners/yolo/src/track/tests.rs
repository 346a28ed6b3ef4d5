//! What the tracker makes of short films.

use super::*;

const FRAME_RATE: f64 = 30.0;

fn tracker() -> ByteTrack {
    ByteTrack::new(ByteTrackConfig::default(), FRAME_RATE)
}

/// A sure box of 40 × 80 pixels.
fn person(left: f32, top: f32) -> Detection {
    Detection { xyxy: [left, top, left + 40.0, top + 80.0], score: 0.9, class: 0 }
}

fn with_score(score: f32, detection: Detection) -> Detection {
    Detection { score, ..detection }
}

fn see_nothing(tracker: &mut ByteTrack, frames: usize) {
    for _ in 0..frames {
        assert!(tracker.update(&[]).is_empty());
        assert_eq!(tracker.tracks().count(), 0);
    }
}

#[test]
fn objects_that_cross_keep_their_ids() {
    let mut tracker = tracker();
    for frame in 0..60 {
        let way = 5.0 * frame as f32;
        let (rightwards, leftwards) = (person(way, 100.0), person(300.0 - way, 120.0));
        // The order in which the detector reports them says nothing.
        let swapped = frame % 2 == 1;
        let detections = if swapped { [leftwards, rightwards] } else { [rightwards, leftwards] };
        let expected = if swapped { [Some(2), Some(1)] } else { [Some(1), Some(2)] };
        assert_eq!(tracker.update(&detections), expected, "frame {frame}");
    }
}

#[test]
fn a_new_object_has_an_id_from_its_second_box_on() {
    let mut tracker = tracker();
    assert_eq!(tracker.update(&[person(0.0, 0.0)]), [Some(1)]);
    let both = [person(0.0, 0.0), person(200.0, 0.0)];
    assert_eq!(tracker.update(&both), [Some(1), None]);
    assert_eq!(tracker.update(&both), [Some(1), Some(2)]);
}

#[test]
fn an_object_seen_only_once_uses_up_an_id_and_is_forgotten() {
    let mut tracker = tracker();
    see_nothing(&mut tracker, 1);
    assert_eq!(tracker.update(&[person(0.0, 0.0)]), [None]);
    see_nothing(&mut tracker, 1);
    assert_eq!(tracker.update(&[person(0.0, 0.0)]), [None]);
    assert_eq!(tracker.update(&[person(0.0, 0.0)]), [Some(2)]);
}

#[test]
fn a_lost_object_is_found_again_within_the_buffer() {
    let mut tracker = tracker();
    tracker.update(&[person(0.0, 0.0)]);
    see_nothing(&mut tracker, 31);
    assert_eq!(tracker.update(&[person(0.0, 0.0)]), [Some(1)]);
}

#[test]
fn an_object_lost_for_longer_than_the_buffer_is_another() {
    let mut tracker = tracker();
    tracker.update(&[person(0.0, 0.0)]);
    see_nothing(&mut tracker, 32);
    assert_eq!(tracker.update(&[person(0.0, 0.0)]), [None]);
    assert_eq!(tracker.update(&[person(0.0, 0.0)]), [Some(2)]);
}

#[test]
fn an_object_found_when_it_had_expired_is_dropped_with_the_next_loss() {
    let found_after = |gap: usize| {
        let mut tracker = tracker();
        tracker.update(&[person(0.0, 0.0)]);
        see_nothing(&mut tracker, gap);
        assert_eq!(tracker.update(&[person(0.0, 0.0)]), [Some(1)]);
        see_nothing(&mut tracker, 1);
        tracker.update(&[person(0.0, 0.0)])
    };
    assert_eq!(found_after(30), [Some(1)]);
    assert_eq!(found_after(31), [None]);
}

#[test]
fn the_buffer_is_counted_in_seconds() {
    let mut tracker = ByteTrack::new(ByteTrackConfig::default(), 3.0);
    tracker.update(&[person(0.0, 0.0)]);
    see_nothing(&mut tracker, 4);
    assert_eq!(tracker.update(&[person(0.0, 0.0)]), [Some(1)]);
    see_nothing(&mut tracker, 5);
    assert_eq!(tracker.update(&[person(0.0, 0.0)]), [None]);
}

#[test]
fn a_low_score_continues_a_track_and_begins_none() {
    let mut tracker = tracker();
    let unsure = with_score(0.15, person(0.0, 0.0));
    assert_eq!(tracker.update(&[unsure]), [None]);
    assert_eq!(tracker.update(&[unsure]), [None]);
    tracker.update(&[person(0.0, 0.0)]);
    assert_eq!(tracker.update(&[person(0.0, 0.0)]), [Some(1)]);
    assert_eq!(tracker.update(&[unsure]), [Some(1)]);
    assert_eq!(tracker.update(&[with_score(0.1, person(0.0, 0.0))]), [None]);
}

#[test]
fn a_low_score_does_not_find_a_lost_object() {
    let mut tracker = tracker();
    tracker.update(&[person(0.0, 0.0)]);
    see_nothing(&mut tracker, 1);
    assert_eq!(tracker.update(&[with_score(0.2, person(0.0, 0.0))]), [None]);
    assert_eq!(tracker.update(&[person(0.0, 0.0)]), [Some(1)]);
}

#[test]
fn of_two_boxes_alike_the_surer_wins_where_the_score_counts() {
    let second_frame = |distance: Distance| {
        let mut tracker =
            ByteTrack::new(ByteTrackConfig { distance, ..ByteTrackConfig::default() }, FRAME_RATE);
        tracker.update(&[person(0.0, 0.0)]);
        tracker.update(&[with_score(0.5, person(1.0, 0.0)), person(2.0, 0.0)])
    };
    assert_eq!(second_frame(Distance::FusedWithScore), [None, Some(1)]);
    assert_eq!(second_frame(Distance::Iou), [Some(1), None]);
}

#[test]
fn of_a_tracked_and_a_lost_track_in_one_place_the_older_stays() {
    let track = |id: u32, first: u64, last: u64| {
        let observation = Observation::new(0, person(0.0, 0.0)).unwrap();
        let mut track = Tracklet::begin(id, observation, State::Tracked, first);
        track.last_seen = last;
        track
    };
    let remaining = |tracked: Tracklet, lost: Tracklet| {
        let (mut tracked, mut lost) = (vec![tracked], vec![lost]);
        remove_duplicates(&mut tracked, &mut lost);
        (tracked.len(), lost.len())
    };
    assert_eq!(remaining(track(1, 1, 10), track(2, 3, 9)), (1, 0));
    assert_eq!(remaining(track(1, 8, 10), track(2, 3, 9)), (0, 1));
}

#[test]
fn new_tracks_are_listed_before_those_found_again() {
    let mut tracker = tracker();
    tracker.update(&[person(0.0, 0.0)]);
    see_nothing(&mut tracker, 1);
    let both = [person(0.0, 0.0), person(200.0, 0.0)];
    assert_eq!(tracker.update(&both), [Some(1), None]);
    assert_eq!(tracker.update(&both), [Some(1), Some(2)]);
    let ids: Vec<u32> = tracker.tracks().map(|track| track.id).collect();
    assert_eq!(ids, [2, 1]);
}

#[test]
fn every_film_counts_from_one() {
    for _ in 0..2 {
        assert_eq!(tracker().update(&[person(0.0, 0.0)]), [Some(1)]);
    }
}

#[test]
fn what_is_not_a_box_is_passed_over() {
    let refused = [
        [f32::NAN, 0.0, 1.0, 1.0],
        [0.0, 0.0, f32::INFINITY, 1.0],
        [f32::NEG_INFINITY, 0.0, f32::INFINITY, 1.0],
        [f32::MIN, 0.0, f32::MAX, 1.0],
        [0.0, 0.0, f32::MAX, f32::MIN_POSITIVE],
        [1.0, 0.0, 1.0, 1.0],
        [0.0, 2.0, 1.0, 1.0],
    ];
    let mut detections: Vec<Detection> =
        refused.map(|xyxy| Detection { xyxy, score: 0.9, class: 0 }).to_vec();
    detections.extend([f32::NAN, f32::INFINITY].map(|score| with_score(score, person(0.0, 0.0))));
    let mut expected = vec![None; detections.len()];
    let mut tracker = tracker();
    assert_eq!(tracker.update(&detections), expected);

    detections.insert(4, person(100.0, 0.0));
    expected.insert(4, Some(1));
    tracker.update(&detections);
    assert_eq!(tracker.update(&detections), expected);
}

#[test]
fn the_largest_and_smallest_boxes_are_followed() {
    let boxes = [[0.0, 0.0, 1e37, 1e37], [0.0, 0.0, 1e-30, 1e-30], [-4e6, 5.0, -3e6, 5.001]];
    let detections = boxes.map(|xyxy| Detection { xyxy, score: 0.9, class: 0 });
    let mut tracker = tracker();
    for _ in 0..100 {
        assert_eq!(tracker.update(&detections), [Some(1), Some(2), Some(3)]);
        assert!(tracker.tracks().all(|track| track.xyxy.iter().all(|edge| edge.is_finite())));
    }
}

#[test]
fn a_thousand_boxes_are_all_followed() {
    let mut tracker = tracker();
    let expected: Vec<Option<u32>> = (1..=1000).map(Some).collect();
    for frame in 0..10 {
        // Neighbours overlap by half.
        let place = |n: usize| person((n % 40 * 20 + frame * 2) as f32, (n / 40 * 40 + frame) as f32);
        let detections: Vec<Detection> = (0..1000).map(place).collect();
        assert_eq!(tracker.update(&detections), expected, "frame {frame}");
    }
}

#[test]
fn a_thousand_boxes_in_one_place_are_told_apart() {
    let mut tracker = tracker();
    let detections = vec![person(0.0, 0.0); 1000];
    for _ in 0..3 {
        let mut ids: Vec<u32> = tracker.update(&detections).into_iter().flatten().collect();
        ids.sort_unstable();
        assert_eq!(ids, (1..=1000).collect::<Vec<u32>>());
    }
}
