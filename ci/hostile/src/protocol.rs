//! What a runner says.

use std::sync::LazyLock;
use std::time::Duration;

use reelbench_exec::{check_load, check_repeat, parse_event};
use reelbench_protocol::{
    Event, JournalEvent, Output, Pass, PlannedCell, RepeatResult, RunSpec, SceneList, differences,
};

use crate::events;

/// As long as any answer is waited for, so that no wall time is refused for being longer.
const WAITED: Duration = Duration::from_secs(u64::MAX);

/// One command for every cell of the fixture.
static COMMANDS: LazyLock<Vec<RunSpec>> = LazyLock::new(commands);

/// Reads what a runner says line by line, and checks each answer against the commands that it may be for.
pub fn protocol(bytes: &[u8]) {
    for line in bytes.split(|&byte| byte == b'\n') {
        match parse_event(line) {
            Ok(Event::Repeat(result)) => COMMANDS.iter().for_each(|command| believe(command, &result)),
            Ok(Event::Loaded(loaded)) => drop(check_load(&loaded, WAITED).map_err(|error| error.to_string())),
            Ok(Event::Estimated(estimate)) => drop(estimate.total_bytes()),
            Ok(Event::Hello(_) | Event::Progress(_) | Event::Probed { .. } | Event::Failed(_)) => {}
            Err(garbage) => drop(garbage.to_string()),
        }
    }
}

/// Does with an answer what is done with one that is believed.
fn believe(command: &RunSpec, result: &RepeatResult) {
    if let Err(unusable) = check_repeat(command, result, WAITED) {
        drop(unusable.to_string());
        return;
    }
    let lies = differences(&command.spec.requested(), &result.effective);
    for lie in lies {
        drop(lie.to_string());
    }
    if let Output::Stage1(output) = &result.output {
        let scenes = output.scenes.as_ref();
        drop(output.contexts(scenes.map(|list| list.scenes.as_slice())));
        if let Some(SceneList { timeline, scenes, .. }) = scenes {
            let frames = scenes.iter().flat_map(|scene| [scene.start_frame, scene.end_frame]);
            for frame in frames.chain([timeline.len()]) {
                let _ = timeline.seconds(frame);
            }
        }
    }
}

fn commands() -> Vec<RunSpec> {
    let planned = events().find_map(|event| match event {
        JournalEvent::Planned { cells, .. } => Some(cells),
        _ => None,
    });
    let scenes = events().find_map(|event| match event {
        JournalEvent::Repeat { result, .. } => scenes_of(*result),
        _ => None,
    });
    let command = |planned: PlannedCell| RunSpec {
        cell: planned.id,
        repeat: 0,
        pass: Pass::Measured,
        scenes: planned.stage1_from.is_some().then(|| scenes.clone()).flatten(),
        spec: planned.spec,
        questions: Vec::new(),
        save_frames: None,
    };
    planned.unwrap_or_default().into_iter().map(command).collect()
}

fn scenes_of(result: RepeatResult) -> Option<SceneList> {
    match result.output {
        Output::Stage1(output) => output.scenes,
        Output::Caption { .. } => None,
    }
}
