//! Run directories in, summaries and reports out.

#[cfg(test)]
mod agreeing;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod charts;
#[cfg(test)]
mod chromium;
#[cfg(test)]
mod comparable;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod exports;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod histories;
#[cfg(test)]
mod html;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod knobs;
#[cfg(test)]
mod noise;
#[cfg(test)]
mod outcomes;
#[cfg(test)]
mod quality;
#[cfg(test)]
mod rendering;
#[cfg(test)]
mod scene_fixtures;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod splices;
#[cfg(test)]
mod stage1_fixtures;
#[cfg(test)]
mod stage1_outcomes;
#[cfg(test)]
mod stage1_times;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tables;
#[cfg(test)]
mod templates;
#[cfg(test)]
mod trace;
#[cfg(test)]
mod trade_offs;
