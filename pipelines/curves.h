#pragma once
// Curves of a training run for TensorBoard, outside its artefact, because they carry wall-clock times.

#include "dist/comm.h"
#include "train/trainer.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace nepenthe::report {
class EventFile;
}

namespace nepenthe::pipelines {

// Rank 0 writes into outputs/curves/NAME; the other ranks' writers do nothing. Copies write into the same file.
class Curves {
  public:
    // Collective. Throws Error(kInputOutput) on all ranks where the file cannot be made.
    Curves(const dist::Comm& comm, const std::filesystem::path& outputs, const std::string& name);

    // Loss, learning rate, gradient norm and speed of a step. On every rank, since the trainer asks all of them whether
    // to go on. Several terms have a curve each, by the names in `terms`.
    train::StepHook of_steps(const std::vector<train::Term>& terms = {}) const;
    void scalar(const std::string& tag, std::int64_t step, double value) const;

  private:
    std::shared_ptr<report::EventFile> events_;
};

}  // namespace nepenthe::pipelines
