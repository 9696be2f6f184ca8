#pragma once
// A forgetting objective and its data as options, for the verbs that read them: `forget` and `attribute`.

#include "base/json.h"
#include "dist/comm.h"
#include "model/decoder.h"
#include "pipelines/options.h"
#include "store/artefact.h"
#include "text/tokenizer.h"
#include "unlearn/objectives/forget_objective.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace nepenthe::pipelines {

// What --objective says, `unsaid` where it says nothing: the other options hang on it. Throws Error(kUsage) for a name
// that is not one of `names`.
std::string objective_word(const std::string& verb, std::string unsaid, const std::vector<std::string>& names,
                           const Arguments& arguments);

class ObjectiveRequest {
  public:
    // Of an objective of the table; throws Error(kUsage) for another name.
    explicit ObjectiveRequest(const std::string& name);

    void declare(Options& options);
    // After parsing. Adds every problem; options that this objective does not read among them.
    void finish(const Options& options, Problems& problems);
    // Collective. Reads the data, in the chat form of the model in `folder` where that is asked for, and says what of
    // it stands on both sides.
    void read(const dist::Comm& comm, const std::filesystem::path& folder, const model::DecoderConfig& config,
              const text::Tokenizer& tokenizer);
    void complete_key(store::ArtefactKey& key) const;
    Json summary() const;

    const unlearn::ObjectiveChoice& choice() const { return choice_; }
    const unlearn::ForgetData& data() const { return *data_; }
    unlearn::ObjectiveNeeds needs() const;

  private:
    unlearn::ObjectiveChoice choice_;
    unlearn::ForgetDataFiles files_;
    bool form_said_ = false, block_said_ = false;
    std::string published_ = "no";
    std::optional<unlearn::ForgetData> data_;
    unlearn::Overlap overlap_;
};

}  // namespace nepenthe::pipelines
