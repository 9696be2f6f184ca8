#pragma once
// The options of the training loop as the verbs train and forget offer them.

#include "pipelines/options.h"
#include "pipelines/verb.h"
#include "train/trainer.h"

namespace nepenthe::pipelines {

// Declares every training option with the defaults that `options` holds; read() after parsing.
class TrainOptionsReader {
  public:
    explicit TrainOptionsReader(train::TrainOptions& options) : options_(options) {}
    void declare(Options& table);
    // Throws Error(kUsage) with every problem, options that were given and are not read among them.
    void finish(const Options& table, const CommonOptions& common);
    // What changes the weights that come out, for artefact keys.
    Json key() const;

  private:
    train::TrainOptions& options_;
    std::string schedule_ = "linear";
};

}  // namespace nepenthe::pipelines
