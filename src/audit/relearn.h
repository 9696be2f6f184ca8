#pragma once
// Relearning as an attack: a model is trained on some text, and measured on the way.
//
// A model that has only fallen silent says again what it knew after few steps, also when it is trained on something
// else than what it forgot (Łucki et al. 2409.18025; Deeb and Roger 2410.08827). What a step count says is only told by
// a model that never knew it, trained in the same way.

#include "audit/verdict.h"
#include "dist/collectives.h"
#include "dist/comm.h"
#include "model/decoder.h"
#include "train/objective.h"
#include "train/trainer.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

namespace nepenthe::audit {

// Collective. What is measured of the weights in place.
using MeasureModel = std::function<std::vector<evaluate::TaskResult>(const model::Decoder& decoder)>;

// FOLDER/step-00000050.json
std::filesystem::path point_path(const std::filesystem::path& folder, std::int64_t step);

// Collective. Trains `decoder` in place for `options.max_steps` steps and measures it before the first, and after each
// of `steps`; a point is a file in `folder`, {"step", "loss", "tasks": {NAME: {"metrics", "items"}}}, the loss that of
// the step, null at 0. Points that are there are not measured again: with `checkpoint_folder` an interrupted run goes
// on.
void relearn(const dist::Comm& comm, dist::Collectives& collectives, model::Decoder& decoder,
             train::Objective& objective, const train::TrainOptions& options, const std::vector<std::int64_t>& steps,
             const MeasureModel& measure, const std::filesystem::path& folder,
             const std::filesystem::path& checkpoint_folder, const train::StepHook& after_step = {});

// The points of a folder. Throws Error(kData) for a file that is none.
Steps read_points(const std::filesystem::path& folder);

}  // namespace nepenthe::audit
