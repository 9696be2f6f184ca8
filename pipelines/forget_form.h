#pragma once
// `forget` has one table of options for labels and one for each other objective; what differs between them stands here.

#include "dist/comm.h"
#include "model/decoder.h"
#include "pipelines/options.h"
#include "pipelines/verb.h"
#include "store/artefact.h"
#include "text/tokenizer.h"
#include "unlearn/forget.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace nepenthe::pipelines {

class ForgetForm {
  public:
    virtual ~ForgetForm() = default;

    virtual std::string example() const = 0;
    // Options of this form alone, and the training that it begins from.
    virtual void declare(Options& options, unlearn::ForgetOptions& forget) = 0;
    // After parsing. Adds every problem.
    virtual void finish(const Options& options, unlearn::ForgetOptions& forget, Problems& problems) = 0;
    // Collective. What the options name; `folder` is the model's. `tokenizer` outlives this.
    virtual void read(const dist::Comm& comm, const std::filesystem::path& folder, const model::DecoderConfig& config,
                      const text::Tokenizer& tokenizer) = 0;
    // Collective. `key` holds model and tokenizer already.
    virtual void complete_key(const dist::Comm& comm, store::ArtefactKey& key) const = 0;

    struct Made {
        std::unique_ptr<train::Objective> objective;
        unlearn::HoldoutLoss holdout_loss;
        Json summary;  // joins the report
    };
    // Collective. `comm` outlives what is made.
    virtual Made make(const dist::Comm& comm, const model::Decoder& decoder, const unlearn::ForgetOptions& forget,
                      const std::filesystem::path& work) const = 0;
    // Not collective, on the root. Files beside the model.
    virtual void write_beside(const text::Tokenizer& /* tokenizer */, const std::filesystem::path& /* folder */) const {
    }
};

std::unique_ptr<ForgetForm> make_label_form();
std::unique_ptr<ForgetForm> make_objective_form(const std::string& name);

// "labels", then every objective.
std::vector<std::string> objective_names();
// Names of the options of all forms, each once: a config file may hold what another form reads.
std::vector<std::string> forget_option_names();

}  // namespace nepenthe::pipelines
